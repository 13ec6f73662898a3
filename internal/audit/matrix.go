package audit

import (
	"cmp"
	"slices"
	"strings"
)

// column is a consumer as the matrix shows it: a service has one column, whomever it acts for.
type column struct {
	Kind ConsumerKind
	ID   string
}

// columns returns the consumers whom any statement allows something, the widest first.
func columns(report Report) []column {
	var all []column
	seen := map[column]bool{}
	for _, repository := range report.Repositories {
		for _, s := range repository.Statements {
			for _, c := range s.Consumers {
				if at := (column{c.Kind, c.ID}); s.allows() && !seen[at] {
					seen[at] = true
					all = append(all, at)
				}
			}
		}
	}
	order := consumerKinds()
	slices.SortFunc(all, func(a, b column) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Label is short enough for the head of a column.
func (c column) Label() string {
	switch c.Kind {
	case Everybody:
		return "everybody"
	case Unit:
		_, path, _ := strings.Cut(strings.TrimSuffix(c.ID, "/*"), "/")
		return path[strings.LastIndexByte(path, '/')+1:]
	case NamedPrincipal, Federated:
		if parts := strings.SplitN(c.ID, ":", 6); len(parts) == 6 {
			return parts[4] + " " + parts[5]
		}
	}
	return c.ID
}

// grants are the marks in a cell of the matrix: a bit for each kind of deed and owner.
type grants int

// The bits are those that report.js reads: two for each of pull, push, manage and read, ours and foreign.
const (
	pullBit grants = 1 << (2 * iota)
	pushBit
	manageBit
	readBit
)

func grantsOf(s Statement) grants {
	var g grants
	if !s.allows() {
		return g
	}
	for _, a := range s.Access {
		switch a {
		case Pull:
			g |= pullBit
		case Push:
			g |= pushBit
		case Read:
			g |= readBit
		default:
			g |= manageBit
		}
	}
	if s.Owner == Foreign {
		g <<= 1
	}
	return g
}
