package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// pictured is the chapter that the picture shows.
var pictured = regexp.MustCompile(`(?ms)^(\d+\. An account is removed .*?\n)\n\d+\. `)

//go:embed picture.svg
var pictureTemplate string

// Sizes of the picture, in the units of its coordinates.
const (
	fontWidth  = 8
	lineHeight = 18
	margin     = 16
)

// styles are the CSS classes of the lines that begin with a pattern, as in the narrator's colors.
var styles = []struct {
	class   string
	pattern *regexp.Regexp
}{
	{"heading", regexp.MustCompile(`^(\d+\. |   \w+/)`)},
	{"command", regexp.MustCompile(`^   (\$|  --)`)},
	{"faint", regexp.MustCompile(`^   done |\(unchanged\)$`)},
	{"added", regexp.MustCompile(`^   (\+|✓)`)},
	{"removed", regexp.MustCompile(`^   -`)},
}

// picture returns a chapter of the demo's output as an SVG image, in light and in dark colors.
func picture(output string) (string, error) {
	chapter := pictured.FindStringSubmatch(output)
	if chapter == nil {
		return "", fmt.Errorf("the output has no chapter %s", pictured)
	}
	type line struct {
		Class, Text string
		Y           int
	}
	var lines []line
	for text := range strings.Lines(chapter[1]) {
		text = strings.TrimRight(text, " \n")
		l := line{Class: "text", Text: text, Y: margin + lineHeight*(len(lines)+1)}
		for _, style := range styles {
			if style.pattern.MatchString(text) {
				l.Class = style.class
				break
			}
		}
		lines = append(lines, l)
	}
	var svg strings.Builder
	err := template.Must(template.New("").Parse(pictureTemplate)).Execute(&svg, map[string]any{
		"Lines": lines, "X": margin,
		"Width": 2*margin + fontWidth*width, "Height": 2*margin + lineHeight*len(lines) + lineHeight/2,
	})
	return svg.String(), err
}
