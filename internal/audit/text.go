package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// verbs returns what kinds of access allow, as the rest of a sentence: "The consumer can …".
func verbs(access []Access) string {
	var parts []string
	for _, a := range access {
		switch a {
		case Pull:
			parts = append(parts, "pull")
		case Push:
			parts = append(parts, "push")
		case Delete:
			parts = append(parts, "delete images or the repository")
		case Administer:
			parts = append(parts, "change the repository policy")
		case Configure:
			parts = append(parts, "change settings")
		case Read:
			if len(access) == 1 { // all other access is more important
				parts = append(parts, "read metadata")
			}
		}
	}
	return join(parts)
}

// names lists the first consumers in a sentence.
func names(consumers []iampolicy.Consumer) string { return someOf(labels(consumers, someOf)) }

// labels returns the name of each consumer once. A service has one label for all accounts and organizations that it
// acts on behalf of, which the given function joins.
func labels(consumers []iampolicy.Consumer, joinAll func([]string) string) []string {
	var labels []string
	onBehalf := map[string][]string{}
	for _, c := range consumers {
		label := c.String()
		if c.Kind == iampolicy.ServicePrincipal && !c.IsUnlimitedService() {
			label = c.ID + " for "
			onBehalf[label] = append(onBehalf[label], cmp.Or(c.OrganizationPath, c.Account+c.Organization))
		}
		if !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	for i, label := range labels {
		labels[i] += joinAll(slices.Compact(onBehalf[label]))
	}
	return labels
}

// most is how many texts a sentence lists, if there are others too.
const most = 3

// someOf joins the first texts. It doesn't count the others, so that findings that differ only in their number are
// grouped.
func someOf(texts []string) string {
	if len(texts) > most {
		texts = append(slices.Clone(texts[:most]), "others")
	}
	return join(texts)
}

// all joins texts with commas.
func all(texts []string) string { return strings.Join(texts, ", ") }

// join joins texts with commas and "and".
func join(texts []string) string {
	last := len(texts) - 1
	if last < 1 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " and " + texts[last]
}

// plural returns a number with its noun.
func plural(n int, noun, nouns string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, nouns)
}

// accessText returns the access of a statement on one line.
func (s Statement) accessText() string { return strings.Join(asStrings(s.Access), " ") }

// asStrings returns texts of any type as strings.
func asStrings[T ~string](values []T) []string {
	var texts []string
	for _, value := range values {
		texts = append(texts, string(value))
	}
	return texts
}

// actionText returns the actions of a statement on one line.
func (s Statement) actionText() string {
	if s.NotAction {
		return "all actions except " + all(s.Actions)
	}
	return all(s.Actions)
}

// conditionText returns the conditions of a statement on one line.
func (s Statement) conditionText() string { return joinConditions(s.Conditions) }

func (s Statement) conditionTexts() []string { return conditionTexts(s.Conditions) }

func joinConditions(conditions []iampolicy.Condition) string {
	return strings.Join(conditionTexts(conditions), " and ")
}

func conditionTexts(conditions []iampolicy.Condition) []string {
	var texts []string
	for _, c := range conditions {
		texts = append(texts, c.String())
	}
	return texts
}

// denyText returns a Deny statement on one line.
func denyText(s iampolicy.Statement) string {
	named := Statement{Statement: s, Consumers: s.Named()}
	text := named.actionText() + " to " + named.consumerText(all)
	if s.NotResource {
		text += " except on " + all(s.Resources)
	} else if len(s.Resources) > 0 {
		text += " on " + all(s.Resources)
	}
	if conditions := named.conditionText(); conditions != "" {
		text += " if " + conditions
	}
	return text
}

// consumerText returns the consumers that a statement applies to, joined by the given function.
func (s Statement) consumerText(joinAll func([]string) string) string {
	if s.NotPrincipal {
		return "all principals except " + joinAll(labels(s.Named(), joinAll))
	}
	return joinAll(labels(s.Consumers, joinAll))
}

// Management returns whether a statement is managed, as a word.
func (s Statement) Management() string {
	if s.Managed {
		return "managed"
	}
	return "unmanaged"
}

func visible(text string) string { return iampolicy.Visible(text) }
