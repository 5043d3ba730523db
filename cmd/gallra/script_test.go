package main

import (
	"context"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/gallra/gallra/deadline"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gallra": func() {
			os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
		},
	})
}

// The scripts are the command line's specification, one story a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GALLRA_LANGUAGE", "en")
			e.Setenv("GALLRA_PASSWORD", "gallra-demo-2026")
			today := time.Now().In(deadline.Stockholm)
			e.Setenv("TODAY", today.Format(time.DateOnly))
			e.Setenv("APPEAL", deadline.AppealBy(today).Format("2.January.2006"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// capture VAR REGEXP sets VAR to the first group found in the last
			// command's standard output.
			"capture": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 2 {
					ts.Fatalf("usage: capture VAR REGEXP")
				}
				m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
				if len(m) < 2 {
					ts.Fatalf("nothing matches %s", args[1])
				}
				ts.Setenv(args[0], m[1])
			},
			// change FILE OLD NEW replaces the first OLD in FILE.
			"change": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 3 {
					ts.Fatalf("usage: change FILE OLD NEW")
				}
				b := ts.ReadFile(args[0])
				loc := regexp.MustCompile(regexp.QuoteMeta(args[1])).FindStringIndex(b)
				if loc == nil {
					ts.Fatalf("%s is not in %s", args[1], args[0])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b[:loc[0]]+args[2]+b[loc[1]:]), 0o600))
			},
			// exits CODE CMD... runs a command and wants that exit code.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE CMD...")
				}
				err := ts.Exec(args[1], args[2:]...)
				code := "0"
				if err != nil {
					code = regexp.MustCompile(`\d+$`).FindString(err.Error())
				}
				if code != args[0] {
					ts.Fatalf("exit code %s, want %s", code, args[0])
				}
			},
		},
	})
}
