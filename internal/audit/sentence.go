package audit

import (
	"fmt"
	"slices"
	"strings"
)

// phrase says what kinds of access let one do, after "Lets X".
func phrase(access []Access) string {
	var deeds []string
	for _, a := range access {
		switch a {
		case Pull:
			deeds = append(deeds, "pull")
		case Push:
			deeds = append(deeds, "push")
		case Delete:
			deeds = append(deeds, "delete images or the repository")
		case Administer:
			deeds = append(deeds, "rewrite the repository policy")
		case Configure:
			deeds = append(deeds, "change settings")
		case Read:
			if len(access) == 1 { // goes without saying where there is more
				deeds = append(deeds, "read about images")
			}
		}
	}
	return join(deeds)
}

// names names consumers in a sentence, and counts those for whom there is no room.
func names(consumers []Consumer) string { return few(labels(consumers, few)) }

// labels names every consumer once, and a service once for all on whose behalf it may act. How those are listed is
// for the caller to say.
func labels(consumers []Consumer, list func([]string) string) []string {
	var said []string
	onBehalf := map[string][]string{}
	for _, c := range consumers {
		label := c.String()
		if c.Kind == Service && !isForAnybody(c) {
			label = c.ID + " for "
			onBehalf[label] = append(onBehalf[label], c.Account+c.Organization)
		}
		if !slices.Contains(said, label) {
			said = append(said, label)
		}
	}
	for i, label := range said {
		said[i] += list(slices.Compact(onBehalf[label]))
	}
	return said
}

// few joins the first texts, and counts the others.
func few(all []string) string {
	const most = 3
	if len(all) > most+1 { // one more takes no more room than its count
		all = append(slices.Clone(all[:most]), fmt.Sprintf("%d others", len(all)-most))
	}
	return join(all)
}

// all joins texts with commas.
func all(texts []string) string { return strings.Join(texts, ", ") }

func join(parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// plural is a number and its noun.
func plural(n int, noun, nouns string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, nouns)
}
