// Command demo runs ecr-pull-policy with simulated AWS services, and shows how repositories get, keep and lose the
// standard policy.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const (
	accountList   = "/ecr-pull-policy/accounts"
	registryLevel = "registry"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	level := flag.String("level", "repository", "policy `level` of the stack: repository or "+registryLevel)
	path := flag.String("picture", "", "also write a picture of a list change to this `file`, as SVG")
	flag.Parse()
	err := run(ctx, *level, *path)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "\nstopped all processes")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run runs the demo. If path isn't empty, it writes the picture to that file.
func run(ctx context.Context, level, path string) error {
	if path == "" {
		return tell(ctx, level, os.Stdout)
	}
	color.NoColor = true // the picture has its own colors
	var output bytes.Buffer
	if err := tell(ctx, level, io.MultiWriter(os.Stdout, &output)); err != nil {
		return err
	}
	svg, err := picture(output.String())
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(svg), 0o644)
}

func tell(ctx context.Context, level string, out io.Writer) (err error) {
	options := localaws.Options{Progress: os.Stderr}
	if level == registryLevel {
		options.Parameters = map[string]string{"PolicyLevel": registryLevel, "LambdaStatement": "off"}
	}
	say := newNarrator(out)
	say.heading("Simulated AWS services start, with the stack of template.yaml")
	started := time.Now()
	aws, err := localaws.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, aws.Close()) }()
	say.took("ready", time.Since(started))

	s := &story{ctx: ctx, aws: aws, say: say}
	chapters := []func() error{
		s.repositoriesExist,
		s.theListIsWritten,
		s.aRepositoryIsCreated,
		s.anAccountLeaves,
		s.aListIsRejected,
		s.aConsumerDoesNotExist,
	}
	if level == registryLevel {
		r := &registryStory{story: s}
		chapters = []func() error{
			r.repositoriesExist,
			r.theListIsWritten,
			r.aRepositoryIsCreated,
			r.aNamespaceHasAList,
			r.anAccountLeaves,
		}
	}
	for _, chapter := range chapters {
		if err := chapter(); err != nil {
			return err
		}
	}
	say.heading("Next steps")
	say.text("make local-aws         try it yourself with the same simulated AWS services")
	if level != registryLevel {
		say.text("make demo-registry     see the same with PolicyLevel=registry")
	}
	say.text("make help              list the other targets")
	say.text("make deploy            deploy to your registry's account; see README.md")
	return nil
}
