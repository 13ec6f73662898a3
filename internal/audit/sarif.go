package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// WriteSARIF writes the findings in the Static Analysis Results Interchange Format, for example for GitHub code
// scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
//
// Accepted findings are suppressed results. A repository has no file, so the file of a result is the name of the
// repository below the registry, and the line is always the first.
func WriteSARIF(w io.Writer, report Report) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name:           "ecr-pull-policy",
			InformationURI: "https://github.com/ecr-pull-policy/ecr-pull-policy",
		}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true, EndTimeUTC: report.Generated.UTC().Format(time.RFC3339)}},
		Results:     []sarifResult{},
	}
	for _, kind := range Kinds() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID:               string(kind),
			ShortDescription: sarifText{kind.Title()},
			FullDescription:  sarifText{kind.Title() + "."},
			Help:             sarifText{kind.Remedy()},
		})
	}
	for _, f := range report.Findings {
		run.Results = append(run.Results, newSARIFResult(report, f, []sarifSuppression{}))
	}
	for _, f := range report.Accepted {
		reason := fmt.Sprintf("%s (until %s)", visible(f.Reason), f.Until)
		run.Results = append(run.Results, newSARIFResult(report, f.Finding, []sarifSuppression{{"external", "accepted", reason}}))
	}
	return writeIndented(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

func newSARIFResult(report Report, f Finding, suppressions []sarifSuppression) sarifResult {
	statement := statementName(f.Statement, f.Sid)
	file := url.URL{Path: strings.Join([]string{"ecr", report.Account, report.Region, f.Place()}, "/")}
	sum := sha256.Sum256([]byte(strings.Join([]string{file.Path, statement, string(f.Kind)}, "\n")))
	return sarifResult{
		RuleID:  string(f.Kind),
		Level:   sarifLevel(f.Severity),
		Message: sarifText{sarifLiteral(visible(f.where() + ": " + f.Explanation + " " + f.Remedy))},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysicalLocation{
				ArtifactLocation: sarifArtifactLocation{URI: file.EscapedPath()},
				Region:           sarifRegion{StartLine: 1},
			},
			LogicalLocations: []sarifLogicalLocation{{Name: f.Place(), Kind: "resource"}},
		}},
		PartialFingerprints: map[string]string{"finding/v1": hex.EncodeToString(sum[:])},
		Suppressions:        suppressions,
		Properties:          sarifProperties{Severity: f.Severity},
	}
}

// sarifLiteral escapes what SARIF reads as a link or a placeholder in the text of a message, so that a policy can't add
// any: sections 3.11.5 and 3.11.6 of the specification.
func sarifLiteral(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}").Replace(text)
}

// sarifLevel returns the level of a severity. The property severity tells critical from high.
func sarifLevel(s Severity) string {
	switch s {
	case Critical, High:
		return "error"
	case Medium:
		return "warning"
	}
	return "note"
}

// The members of a SARIF log that WriteSARIF uses.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		FullDescription  sarifText `json:"fullDescription"`
		Help             sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool   `json:"executionSuccessful"`
		EndTimeUTC          string `json:"endTimeUtc"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		Level               string             `json:"level"`
		Message             sarifText          `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions"` // never null: either all results have it, or none
		Properties          sarifProperties    `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysicalLocation  `json:"physicalLocation"`
		LogicalLocations []sarifLogicalLocation `json:"logicalLocations"`
	}
	sarifPhysicalLocation struct {
		ArtifactLocation sarifArtifactLocation `json:"artifactLocation"`
		Region           sarifRegion           `json:"region"`
	}
	sarifArtifactLocation struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogicalLocation struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifProperties struct {
		Severity Severity `json:"severity"`
	}
)
