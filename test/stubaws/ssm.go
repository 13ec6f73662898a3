package stubaws

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of SSM, from the API references of GetParameters, GetParametersByPath, and GetParameterHistory, and from
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
const (
	maxNamesPerGet    = 10
	maxPathResults    = 10
	maxHistoryResults = 50
	maxVersions       = 100
)

type parameter struct {
	kind     string    // such as StringList
	newest   int64     // number of the newest version
	versions []version // oldest first
}

type version struct {
	number  int64
	value   string
	written time.Time
}

// PutList writes a new version of a parameter of the type StringList.
func (a *AWS) PutList(name, value string) { a.PutParameter(name, "StringList", value) }

// PutParameter writes a new version of a parameter.
func (a *AWS) PutParameter(name, kind, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.parameters[name]
	if p == nil {
		p = &parameter{}
		a.parameters[name] = p
	}
	p.kind = kind
	p.newest++
	p.versions = append(p.versions, version{number: p.newest, value: value, written: time.Now()})
	if len(p.versions) > maxVersions {
		p.versions = p.versions[1:]
	}
}

// DeleteParameter deletes a parameter and its history. If the parameter is created again, its first version is 1.
func (a *AWS) DeleteParameter(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.parameters, name)
}

type parameterOutput struct {
	Name             string
	Type             string
	Value            string
	Version          int64
	LastModifiedDate float64
}

func (p *parameter) output(name string, v version) parameterOutput {
	return parameterOutput{Name: name, Type: p.kind, Value: v.value, Version: v.number, LastModifiedDate: epoch(v.written)}
}

func (p *parameter) current(name string) parameterOutput {
	return p.output(name, p.versions[len(p.versions)-1])
}

type getParametersInput struct{ Names []string }

type getParametersOutput struct {
	Parameters        []parameterOutput
	InvalidParameters []string
}

func (a *AWS) getParameters(input getParametersInput) (getParametersOutput, error) {
	if n := len(input.Names); n < 1 || n > maxNamesPerGet {
		return getParametersOutput{}, reject("ValidationException", "stubaws: %d names; must be 1 to %d", n, maxNamesPerGet)
	}
	var output getParametersOutput
	for _, name := range input.Names {
		if p := a.parameters[name]; p != nil {
			output.Parameters = append(output.Parameters, p.current(name))
		} else {
			output.InvalidParameters = append(output.InvalidParameters, name)
		}
	}
	return output, nil
}

type getParametersByPathInput struct {
	Path      string
	Recursive bool
	NextToken string
}

type parametersPage struct {
	Parameters []parameterOutput
	NextToken  string `json:",omitempty"`
}

func (a *AWS) getParametersByPath(input getParametersByPathInput) (parametersPage, error) {
	var below []string
	for _, name := range slices.Sorted(maps.Keys(a.parameters)) {
		rest, ok := strings.CutPrefix(name, input.Path+"/")
		if ok && (input.Recursive || !strings.Contains(rest, "/")) && name >= input.NextToken {
			below = append(below, name)
		}
	}
	var page parametersPage
	for i, name := range below {
		if i == maxPathResults {
			page.NextToken = name
			break
		}
		page.Parameters = append(page.Parameters, a.parameters[name].current(name))
	}
	return page, nil
}

type getParameterHistoryInput struct {
	Name      string
	NextToken string
}

func (a *AWS) getParameterHistory(input getParameterHistoryInput) (parametersPage, error) {
	p := a.parameters[input.Name]
	if p == nil {
		return parametersPage{}, reject("ParameterNotFound", "")
	}
	start, _ := strconv.Atoi(input.NextToken)
	start = min(start, len(p.versions))
	end := min(start+maxHistoryResults, len(p.versions))
	var page parametersPage
	for _, v := range p.versions[start:end] {
		page.Parameters = append(page.Parameters, p.output(input.Name, v))
	}
	if end < len(p.versions) {
		page.NextToken = strconv.Itoa(end)
	}
	return page, nil
}
