package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// release is set by the linker (make build); without it the build says what it knows of itself.
var release string

// projectURL is where the owner of a probed server reads who asked.
const projectURL = "https://certscan.example/about"

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func userAgent() string { return "certscan/" + version() + " (+" + projectURL + ")" }

func versionCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "the version, and what it was built with",
		Action: func(*cli.Context) error {
			if _, err := fmt.Fprintf(s.out, "certscan %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH); err != nil {
				return unprinted(err)
			}
			return nil
		},
	}
}
