package main

import (
	"fmt"
	"runtime/debug"
)

type versionCmd struct {
	SBOM bool `name:"sbom" help:"cli_flag_sbom"`
}

// version names this program in what leaves it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

type component struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Run prints what this program is built from, as the compiler recorded it.
func (c *versionCmd) Run(s *session) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		_, err := fmt.Fprintln(s.out, "gallra")
		return err
	}
	revision := ""
	for _, set := range info.Settings {
		if set.Key == "vcs.revision" {
			revision = " " + set.Value
		}
	}
	if !c.SBOM && !s.flags.JSON {
		_, err := fmt.Fprintf(s.out, "gallra %s%s %s\n", info.Main.Version, revision, info.GoVersion)
		return err
	}
	list := []component{{info.Main.Path, info.Main.Version}}
	for _, d := range info.Deps {
		list = append(list, component{d.Path, d.Version})
	}
	if s.flags.JSON {
		return s.json(list)
	}
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		rows = append(rows, []string{l.Path, l.Version})
	}
	return s.table([]string{s.say.T("cli.col.component"), s.say.T("cli.col.version")}, rows)
}
