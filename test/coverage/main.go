// Command coverage prints the statement coverage of every package in a profile, and fails if the coverage of a
// package is below the minimum given for it:
//
//	coverage coverage.out pkg/policy=95
package main

import (
	"fmt"
	"log"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/cover"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: coverage PROFILE [PACKAGE=PERCENT ...]")
	}
	profiles, err := cover.ParseProfiles(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	packages := gather(profiles)
	for _, p := range packages {
		fmt.Printf("%6.1f %%  %s\n", p.percent(), p.name)
	}
	for _, bound := range os.Args[2:] {
		if err := check(packages, bound); err != nil {
			log.Fatal(err)
		}
	}
}

type coverage struct {
	name           string
	covered, total int
}

func (c coverage) percent() float64 { return 100 * float64(c.covered) / float64(max(c.total, 1)) }

func gather(profiles []*cover.Profile) []coverage {
	var packages []coverage
	for _, profile := range profiles { // sorted by file name
		name := path.Dir(profile.FileName)
		if len(packages) == 0 || packages[len(packages)-1].name != name {
			packages = append(packages, coverage{name: name})
		}
		p := &packages[len(packages)-1]
		for _, block := range profile.Blocks {
			p.total += block.NumStmt
			if block.Count > 0 {
				p.covered += block.NumStmt
			}
		}
	}
	return packages
}

func check(packages []coverage, bound string) error {
	name, percent, _ := strings.Cut(bound, "=")
	least, err := strconv.ParseFloat(percent, 64)
	if err != nil {
		return fmt.Errorf("bound %q is not PACKAGE=PERCENT", bound)
	}
	i := slices.IndexFunc(packages, func(p coverage) bool { return strings.HasSuffix(p.name, "/"+name) })
	if i < 0 {
		return fmt.Errorf("the profile has no package %s", name)
	}
	if got := packages[i].percent(); got < least {
		return fmt.Errorf("coverage of %s is %.1f %%, below %s %%", name, got, percent)
	}
	return nil
}
