// Command gallra is the whole product in one program: the page, the jobs and
// the command line. This package parses, wires and prints; what it does is done
// by the packages it calls, which the page calls too.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/heap"
	"github.com/gallra/gallra/internal/i18n"
)

func main() {
	heap.Bound()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}

// The exit codes, stable from the first release.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRemains = 3 // done, and something remains: leftovers, tampering, past-date records
)

// errRemains ends a command that did its work and found that something remains.
var errRemains = errors.New("something remains")

// commandLine is every command and flag. Help texts stand in the catalogue
// ("cli.scan", here cli_scan), so that they exist in both languages.
type commandLine struct {
	Data     string `help:"cli_flag_data" env:"GALLRA_DATA" default:"gallra-data" placeholder:"DIR"`
	Database string `help:"cli_flag_database" env:"GALLRA_DATABASE" placeholder:"URL"`
	JSON     bool   `name:"json" help:"cli_flag_json"`
	Language string `name:"language" help:"cli_flag_language" env:"GALLRA_LANGUAGE" placeholder:"sv|en"`

	Demo       demoCmd       `cmd:"" help:"cli_demo"`
	Serve      serveCmd      `cmd:"" help:"cli_serve"`
	Worker     workerCmd     `cmd:"" help:"cli_worker"`
	Scan       scanCmd       `cmd:"" help:"cli_scan"`
	Find       findCmd       `cmd:"" help:"cli_find"`
	Extract    extractCmd    `cmd:"" help:"cli_extract"`
	Hold       holdCmd       `cmd:"" help:"cli_hold"`
	Retention  retentionCmd  `cmd:"" help:"cli_retention"`
	Request    requestCmd    `cmd:"" help:"cli_request"`
	Document   documentCmd   `cmd:"" help:"cli_document"`
	Evidence   evidenceCmd   `cmd:"" help:"cli_evidence"`
	Replay     replayCmd     `cmd:"" help:"cli_replay"`
	Guard      guardCmd      `cmd:"" help:"cli_guard"`
	Detect     detectCmd     `cmd:"" help:"cli_detect"`
	Redact     redactCmd     `cmd:"" help:"cli_redact"`
	Eval       evalCmd       `cmd:"" help:"cli_eval"`
	Deadline   deadlineCmd   `cmd:"" help:"cli_deadline"`
	Connectors connectorsCmd `cmd:"" help:"cli_connectors"`
	Letter     letterCmd     `cmd:"" help:"cli_letter"`
	Profile    profileCmd    `cmd:"" help:"cli_profile"`
	User       userCmd       `cmd:"" help:"cli_user"`
	Version    versionCmd    `cmd:"" help:"cli_version"`
}

// session is what a command gets: its streams, its language and the flags.
type session struct {
	ctx    context.Context
	in     io.Reader
	out    io.Writer
	err    io.Writer
	env    func(string) (string, bool)
	flags  *commandLine
	say    *i18n.Printer
	status *progress
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) (string, bool)) int {
	say := i18n.For(language(args, env))
	var cl commandLine
	exited := -1
	parser, err := kong.New(&cl, kong.Name("gallra"), kong.Description(say.T("cli.about")),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Help(helpIn(say)))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	if err := explain(parser.Model.Node, helpTexts(say)); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	for _, r := range parser.Model.Flags {
		if r.Name == "help" {
			r.Help = say.T("cli.flag.help")
		}
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintln(stderr, say.T("cli.usage.wrong", "reason", err.Error()))
		return exitUsage
	}
	s := &session{ctx: ctx, in: stdin, out: stdout, err: stderr, env: env, flags: &cl, say: say, status: newProgress(stderr, say)}
	err = k.Run(s)
	s.status.clear()
	return exit(s, err)
}

// helpTexts returns the texts of the command line by the names that the tags of
// its commands and flags give them: the key with "_" for ".".
func helpTexts(say *i18n.Printer) map[string]string {
	texts := map[string]string{}
	for _, k := range say.Keys() {
		if strings.HasPrefix(k, "cli.") {
			texts[strings.ReplaceAll(k, ".", "_")] = say.Raw(k)
		}
	}
	return texts
}

// explain puts the texts in place of their names in the help of a command, its
// flags and the commands below it. Kong's own variables could do so too; it fills
// them in anew for every flag, which took half of the program's start.
func explain(n *kong.Node, texts map[string]string) error {
	put := func(help *string) error {
		if !strings.HasPrefix(*help, "cli_") {
			return nil
		}
		text, ok := texts[*help]
		if !ok {
			return fmt.Errorf("no text %s", *help)
		}
		*help = text
		return nil
	}
	errs := []error{put(&n.Help)}
	for _, f := range n.Flags {
		errs = append(errs, put(&f.Help))
	}
	for _, v := range n.Positional {
		errs = append(errs, put(&v.Help))
	}
	for _, c := range n.Children {
		errs = append(errs, explain(c, texts))
	}
	return errors.Join(errs...)
}

func exit(s *session, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errRemains):
		return exitRemains
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, s.say.T("cli.interrupted"))
		return exitFailed
	}
	fmt.Fprintln(s.err, s.say.T("cli.error", "reason", s.say.Error(err)))
	if v, _ := s.env("GALLRA_DEBUG"); v != "" {
		fmt.Fprintln(s.err, err) // wrapped causes name references, never personal values
	}
	if gallra.CodeOf(err) == gallra.Invalid {
		return exitUsage
	}
	return exitFailed
}

// language picks the language of help and messages before the flags are parsed.
func language(args []string, env func(string) (string, bool)) i18n.Lang {
	for i, a := range args {
		v, ok := strings.CutPrefix(a, "--language=")
		if a == "--language" && i+1 < len(args) {
			v, ok = args[i+1], true
		}
		if l, known := i18n.ParseLang(v); ok && known {
			return l
		}
	}
	for _, k := range []string{"GALLRA_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"} {
		v, _ := env(k)
		if len(v) >= 2 {
			if l, ok := i18n.ParseLang(v[:2]); ok {
				return l
			}
		}
	}
	return i18n.English
}

// helpIn prints kong's help with its own few words in the user's language.
func helpIn(say *i18n.Printer) kong.HelpPrinter {
	return func(o kong.HelpOptions, ctx *kong.Context) error {
		var b strings.Builder
		w := ctx.Stdout
		ctx.Stdout = &b
		err := kong.DefaultHelpPrinter(o, ctx)
		ctx.Stdout = w
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, strings.NewReplacer(
			"Usage: ", say.T("cli.help.usage")+" ",
			"\nArguments:\n", "\n"+say.T("cli.help.arguments")+"\n",
			"\nFlags:\n", "\n"+say.T("cli.help.flags")+"\n",
			"\nCommands:\n", "\n"+say.T("cli.help.commands")+"\n",
			`Run "gallra <command> --help" for more information on a command.`, say.T("cli.help.more"),
		).Replace(b.String()))
		return err
	}
}
