package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// template is what SAM makes of template.yaml, as far as a local AWS doesn't play it.
type template struct {
	Mappings   map[string]map[string]map[string]any
	Parameters map[string]parameter
	Resources  map[string]resource
}

type parameter struct {
	Type, AllowedPattern string
	AllowedValues        []any
	MaxLength            int
	MaxValue             float64
}

type resource struct {
	Type           string
	DeletionPolicy string
	Properties     json.RawMessage
}

func translated(t *testing.T) template {
	t.Helper()
	text, err := localaws.Translate(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	var decoded template
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

// each calls check for every resource of a type, and fails unless there are n.
func each[P any](t *testing.T, tmpl template, kind string, n int, check func(name string, properties P)) {
	t.Helper()
	if found := every(t, tmpl, kind, check); found != n {
		t.Errorf("%d resources are %s, want %d", found, kind, n)
	}
}

// every calls check for every resource of a type, and returns how many there are. It fails if there is none.
func every[P any](t *testing.T, tmpl template, kind string, check func(name string, properties P)) (found int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(tmpl.Resources)) {
		if tmpl.Resources[name].Type != kind {
			continue
		}
		found++
		var properties P
		if err := json.Unmarshal(tmpl.Resources[name].Properties, &properties); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check(name, properties)
	}
	if found == 0 {
		t.Errorf("no resource is %s", kind)
	}
	return found
}

func TestNoEventIsLost(t *testing.T) {
	tmpl := translated(t)
	type target struct {
		Arn              json.RawMessage
		RetryPolicy      struct{ MaximumRetryAttempts, MaximumEventAgeInSeconds int }
		DeadLetterConfig struct{ Arn json.RawMessage }
	}
	each(t, tmpl, "AWS::Events::Rule", 8, func(name string, rule struct{ Targets []target }) {
		if len(rule.Targets) != 1 {
			t.Errorf("%s has %d targets", name, len(rule.Targets))
		}
		for _, target := range rule.Targets {
			if !strings.Contains(string(target.DeadLetterConfig.Arn), "DeadLetterQueue") || target.RetryPolicy.MaximumRetryAttempts == 0 {
				t.Errorf("%s: retries %+v, dead-letter queue %s", name, target.RetryPolicy, target.DeadLetterConfig.Arn)
			}
		}
	})
	each(t, tmpl, "AWS::Lambda::EventInvokeConfig", 2, func(name string, config struct {
		MaximumRetryAttempts int
		DestinationConfig    struct {
			OnFailure struct{ Destination json.RawMessage }
		}
	}) {
		if config.MaximumRetryAttempts != 2 || !strings.Contains(string(config.DestinationConfig.OnFailure.Destination), "DeadLetterQueue") {
			t.Errorf("%s: %+v", name, config)
		}
	})
	each(t, tmpl, "AWS::Lambda::EventSourceMapping", 1, func(name string, mapping struct {
		FunctionResponseTypes []string
		ScalingConfig         struct{ MaximumConcurrency json.RawMessage }
	}) {
		if !slices.Contains(mapping.FunctionResponseTypes, "ReportBatchItemFailures") || compact(t, mapping.ScalingConfig.MaximumConcurrency) != `{"Ref":"MaximumConcurrency"}` {
			t.Errorf("%s: %+v", name, mapping)
		}
	})
	each(t, tmpl, "AWS::SQS::Queue", 3, func(name string, queue struct {
		VisibilityTimeout int
		RedrivePolicy     struct{ MaxReceiveCount int }
	}) {
		if name == "RequestQueue" && (queue.RedrivePolicy.MaxReceiveCount < 2 || queue.VisibilityTimeout < 6*120) {
			t.Errorf("%s: %+v", name, queue)
		}
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	for name, resource := range translated(t).Resources {
		keepsData := slices.Contains([]string{"AWS::ECR::Repository", "AWS::Logs::LogGroup", "AWS::SQS::Queue"}, resource.Type)
		if keepsData && resource.DeletionPolicy != "Delete" {
			t.Errorf("%s stays when the stack is deleted", name)
		}
	}
}

func TestAlarms(t *testing.T) {
	const (
		asLastFound = "maximum + minimum of maximum: %[1]s Maximum, minimum: %[1]s Minimum above 0 in 300 s, missing is ignore"
		ended       = "above 0 in 300 s, missing is notBreaching" // what is over shows in no later figure
		ofStack     = ` of {"Ref":"AWS::StackName"}`
	)
	lost := []string{}
	for _, metric := range []struct{ id, namespace, name, of string }{
		{"repositoryCreated", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnRepoFunctionRepositoryCreated"},
		{"policyChanged", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnRepoFunctionPolicyChanged"},
		{"imagePushed", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnRepoFunctionImagePushed"},
		{"pulledThroughOrScanned", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnRepoFunctionPulledThroughOrScanned"},
		{"requests", "AWS/Events", "InvocationsFailedToBeSentToDlq", "RequestRule"},
		{"listChanged", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnAccountFunctionListChanged"},
		{"registryPolicyChanged", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnAccountFunctionRegistryPolicyChanged"},
		{"schedule", "AWS/Events", "InvocationsFailedToBeSentToDlq", "OnAccountFunctionSchedule"},
		{"onRepo", "AWS/Lambda", "DestinationDeliveryFailures", "OnRepoFunction"},
		{"onAccount", "AWS/Lambda", "DestinationDeliveryFailures", "OnAccountFunction"},
	} {
		lost = append(lost, fmt.Sprintf(`%s: %s %s of {"Ref":"%s"} Sum`, metric.id, metric.namespace, metric.name, metric.of))
	}
	want := map[string]string{
		"FailedRepositoriesAlarm": "FILL(failed, 0) of failed: " + telemetry.Namespace + " " + telemetry.FailedPermanently + ofStack +
			" Sum above 0 in 1 of 30 times 3600 s, missing is notBreaching", // in the longest time between two checks
		"LostEventsAlarm": "SUM(METRICS()) of " + strings.Join(lost, ", ") + " " + ended,
		"MissedScheduleAlarm": `FILL(runs, 0) of runs: AWS/Events Invocations of {"Ref":"OnAccountFunctionSchedule"} Sum below 1 in 26 times 3600 s, ` +
			"missing is ignore",
		"OnAccountDeadLettersAlarm": `AWS/SQS ApproximateNumberOfMessagesVisible of {"Fn::GetAtt":["OnAccountDeadLetterQueue","QueueName"]} Maximum ` + ended,
		"OnAccountErrorsAlarm":      `AWS/Lambda Errors of {"Ref":"OnAccountFunction"} Sum ` + ended,
		"OnRepoDeadLettersAlarm":    `AWS/SQS ApproximateNumberOfMessagesVisible of {"Fn::GetAtt":["OnRepoDeadLetterQueue","QueueName"]} Maximum ` + ended,
		"OnRepoErrorsAlarm":         `AWS/Lambda Errors of {"Ref":"OnRepoFunction"} Sum ` + ended,
		"RejectedPrincipalsAlarm":   fmt.Sprintf(asLastFound, telemetry.Namespace+" "+telemetry.RejectedPrincipals+"Found"+ofStack),
		"RestoredPoliciesAlarm":     telemetry.Namespace + " " + telemetry.RestoredPolicies + ofStack + " Sum above 0 in 3 of 6 times 3600 s, missing is notBreaching",
		"UnusableListAlarm":         fmt.Sprintf(asLastFound, telemetry.Namespace+" "+telemetry.UnusableLists+"Found"+ofStack),
		"WaitingRequestsAlarm": `AWS/SQS ApproximateAgeOfOldestMessage of {"Fn::GetAtt":["RequestQueue","QueueName"]} Maximum ` +
			strings.ReplaceAll(ended, "above 0", "above 21600"),
	}
	each(t, translated(t), "AWS::CloudWatch::Alarm", len(want), func(name string, a alarm) {
		if got := a.describe(t); got != want[name] {
			t.Errorf("%s is\n%s, want\n%s", name, got, want[name])
		}
		const notify = `{"Fn::If":["WithAlarmTopic",[{"Ref":"AlarmTopicArn"}],{"Ref":"AWS::NoValue"}]}`
		if compact(t, a.AlarmActions) != notify || compact(t, a.OKActions) != notify {
			t.Errorf("%s notifies %s, and %s when it is over", name, a.AlarmActions, a.OKActions)
		}
	})
}

// CloudWatch charges for each metric, so the functions write just those that an alarm uses.
func TestMetricsAreForAlarms(t *testing.T) {
	var used []string
	every(t, translated(t), "AWS::CloudWatch::Alarm", func(_ string, a alarm) {
		metrics := []alarmMetric{a.alarmMetric}
		for _, query := range a.Metrics {
			if query.MetricStat != nil {
				metrics = append(metrics, query.MetricStat.Metric)
			}
		}
		for _, metric := range metrics {
			if metric.Namespace == telemetry.Namespace {
				used = append(used, metric.MetricName)
			}
		}
	})
	var written []string
	for name := range logMembers(t) {
		if name == "_aws" {
			continue
		}
		line := struct {
			AWS struct {
				CloudWatchMetrics []struct{ Metrics []struct{ Name string } }
			} `json:"_aws"`
		}{}
		var log bytes.Buffer
		telemetry.Metrics{name: 1}.Log(t.Context(), telemetry.NewLogger(&log), "stack", "test")
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if len(line.AWS.CloudWatchMetrics) > 0 {
			written = append(written, name)
		}
	}
	slices.Sort(used)
	slices.Sort(written)
	if used = slices.Compact(used); !slices.Equal(used, written) {
		t.Errorf("alarms use %q, and the functions write %q", used, written)
	}
}

// What EventBridge loses of any rule is an alarm.
func TestEveryRuleIsWatched(t *testing.T) {
	tmpl := translated(t)
	watched := map[string]bool{}
	each(t, tmpl, "AWS::CloudWatch::Alarm", 11, func(name string, a alarm) {
		for _, query := range a.Metrics {
			if query.MetricStat != nil && name == "LostEventsAlarm" {
				watched[compact(t, query.MetricStat.Metric.Dimensions[0].Value)] = true
			}
		}
	})
	every(t, tmpl, "AWS::Events::Rule", func(name string, _ struct{}) {
		if !watched[`{"Ref":"`+name+`"}`] {
			t.Errorf("LostEventsAlarm doesn't watch %s", name)
		}
	})
}

// alarm is an alarm on a metric, or on an expression of metrics.
type alarm struct {
	alarmMetric
	Period                                          int
	Statistic, ComparisonOperator, TreatMissingData string
	AlarmDescription                                json.RawMessage
	EvaluationPeriods, DatapointsToAlarm            int
	Threshold                                       float64
	Metrics                                         []metricQuery
	AlarmActions, OKActions                         json.RawMessage
}

type alarmMetric struct {
	Namespace, MetricName string
	Dimensions            []struct {
		Name  string
		Value json.RawMessage
	}
}

type metricQuery struct {
	ID, Expression string
	ReturnData     *bool
	MetricStat     *struct {
		Metric alarmMetric
		Period int
		Stat   string
	}
}

// describe returns an alarm in one line.
func (a alarm) describe(t *testing.T) string {
	t.Helper()
	comparisons := map[string]string{"GreaterThanThreshold": "above", "LessThanThreshold": "below"}
	about, period := "", a.Period
	if len(a.Metrics) == 0 {
		about = a.alarmMetric.describe(t) + " " + a.Statistic
	} else {
		var metrics []string
		for _, query := range a.Metrics {
			if query.MetricStat == nil {
				about = query.Expression
				continue
			}
			metrics = append(metrics, query.ID+": "+query.MetricStat.Metric.describe(t)+" "+query.MetricStat.Stat)
			period = query.MetricStat.Period
		}
		about += " of " + strings.Join(metrics, ", ")
	}
	periods := ""
	if a.EvaluationPeriods > 1 {
		periods = fmt.Sprintf("%d times ", a.EvaluationPeriods)
	}
	if a.DatapointsToAlarm > 0 {
		periods = fmt.Sprintf("%d of ", a.DatapointsToAlarm) + periods
	}
	return fmt.Sprintf("%s %s %g in %s%d s, missing is %s", about, comparisons[a.ComparisonOperator], a.Threshold, periods, period, a.TreatMissingData)
}

func (m alarmMetric) describe(t *testing.T) string {
	t.Helper()
	if len(m.Dimensions) != 1 {
		t.Fatalf("%+v", m)
	}
	return m.Namespace + " " + m.MetricName + " of " + compact(t, m.Dimensions[0].Value)
}

// The alarms count on a check of every repository a day.
func TestTheScheduleIsDaily(t *testing.T) {
	tmpl := translated(t)
	checkAllowed(t, tmpl, "Schedule", map[string]bool{
		"rate(6 hours)":             true,
		"rate(1 day)":               true,
		"rate(24 hours)":            true,
		"rate(90 minutes)":          true,
		"cron(0 5 * * ? *)":         true,
		"cron(0/15 8-17 ? * * *)":   true,
		"rate(1 hours)":             false,
		"rate(25 hours)":            false,
		"rate(2 days)":              false,
		"rate(1500 minutes)":        false,
		"cron(0 5 ? * MON-FRI *)":   false,
		"cron(0 5 1 * ? *)":         false,
		"cron(0 5 * * ? 2027)":      false,
		"cron(0 5 * 1 ? *)":         false,
		"at(2027-01-01T00:00:00)":   false,
		"cron(0 5 * * ? *) or more": false,
	})
}

func TestListParameters(t *testing.T) {
	tmpl := translated(t)
	const everyAction = "ecr:BatchGetRepositoryScanningConfiguration,ecr:BatchImportUpstreamImage,ecr:DescribeImageScanFindings," +
		"ecr:DescribeImages,ecr:DescribeRepositories,ecr:GetImageCopyStatus,ecr:GetLifecyclePolicy,ecr:GetRepositoryPolicy," +
		"ecr:ListImages,ecr:ListTagsForResource"
	checkAllowed(t, tmpl, "ExtraActions", map[string]bool{
		"":                                 true,
		"ecr:DescribeImages":               true,
		everyAction:                        true,
		",ecr:ListImages":                  false,
		"ecr:ListImages,":                  false,
		"ecr:ListImagesecr:ListImages":     false,
		"ecr:ListImages, ecr:ListImages":   false,
		"ecr:PutImage":                     false,
		"ecr:ListImages,ecr:PutImage":      false,
		"ecr:ListImagesX":                  false,
		strings.Repeat(everyAction+",", 3): false,
	})
	checkAllowed(t, tmpl, "Include", map[string]bool{"**": true, "team-a/**,shared/*": true, "": false, "a,,b": false, "a, b": false, "a,": false})
	checkAllowed(t, tmpl, "Exclude", map[string]bool{"": true, "**/scratch-*": true, "a,b": true, ",": false, "a b": false})
}

// The partition is the one of the stack.
func TestEveryPartitionIsTaken(t *testing.T) {
	tmpl := translated(t)
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "aws-next-b"} {
		checkAllowed(t, tmpl, "PermissionsBoundaryArn", map[string]bool{"arn:" + partition + ":iam::123456789012:policy/boundary": true})
		checkAllowed(t, tmpl, "KmsKeyArn", map[string]bool{"arn:" + partition + ":kms:us-iso-east-1:123456789012:key/mrk-1234abcd": true, "alias/aws/sqs": false})
		checkAllowed(t, tmpl, "AlarmTopicArn", map[string]bool{"arn:" + partition + ":sns:us-iso-east-1:123456789012:alarms": true})
	}
}

// checkAllowed fails unless CloudFormation takes just the values that it should: those that the pattern matches as a
// whole.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func checkAllowed(t *testing.T, tmpl template, parameter string, values map[string]bool) {
	t.Helper()
	p := tmpl.Parameters[parameter]
	pattern := regexp.MustCompile(`\A(?:` + p.AllowedPattern + `)\z`)
	for value, want := range values {
		if got := pattern.MatchString(value) && len(value) <= p.MaxLength; got != want {
			t.Errorf("%s may be %q: %t, want %t", parameter, value, got, want)
		}
	}
}

// EventBridge may send to each queue for its own rules alone.
func TestQueuePolicies(t *testing.T) {
	var policies []string
	each(t, translated(t), "AWS::SQS::QueuePolicy", 3, func(name string, policy struct {
		PolicyDocument struct {
			Statement []struct{ Principal, Action, Condition json.RawMessage }
		}
	}) {
		for _, statement := range policy.PolicyDocument.Statement {
			policies = append(policies, strings.Join([]string{name, compact(t, statement.Principal), compact(t, statement.Action), compact(t, statement.Condition)}, " "))
		}
	})
	statement := func(policy string, rules ...string) string {
		var arns []string
		for _, rule := range rules {
			arns = append(arns, `{"Fn::GetAtt":["`+rule+`","Arn"]}`)
		}
		source := strings.Join(arns, ",")
		if len(arns) > 1 {
			source = "[" + source + "]"
		}
		return policy + ` {"Service":"events.amazonaws.com"} "sqs:SendMessage" {"ArnEquals":{"aws:SourceArn":` + source + "}}"
	}
	want := []string{
		statement("OnAccountDeadLetterQueuePolicy", "OnAccountFunctionListChanged", "OnAccountFunctionRegistryPolicyChanged", "OnAccountFunctionSchedule"),
		statement("OnRepoDeadLetterQueuePolicy", "OnRepoFunctionRepositoryCreated", "OnRepoFunctionPolicyChanged", "OnRepoFunctionImagePushed",
			"OnRepoFunctionPulledThroughOrScanned", "RequestRule"),
		statement("RequestQueuePolicy", "RequestRule"),
	}
	if !slices.Equal(policies, want) {
		t.Errorf("queue policies\n%s\nwant\n%s", strings.Join(policies, "\n"), strings.Join(want, "\n"))
	}
}

// With a key, it encrypts all that is kept at rest. The queues can't have two kinds of encryption.
func TestEncryption(t *testing.T) {
	tmpl := translated(t)
	const key = `{"Fn::If":["WithKey",{"Ref":"KmsKeyArn"},{"Ref":"AWS::NoValue"}]}`
	every(t, tmpl, "AWS::SQS::Queue", func(name string, queue struct{ KmsMasterKeyID, SqsManagedSseEnabled json.RawMessage }) {
		if compact(t, queue.KmsMasterKeyID) != key || compact(t, queue.SqsManagedSseEnabled) != `{"Fn::If":["WithKey",false,true]}` {
			t.Errorf("%s: %s, %s", name, queue.KmsMasterKeyID, queue.SqsManagedSseEnabled)
		}
	})
	every(t, tmpl, "AWS::Logs::LogGroup", func(name string, group struct{ KmsKeyID json.RawMessage }) {
		if compact(t, group.KmsKeyID) != key {
			t.Errorf("%s: %s", name, group.KmsKeyID)
		}
	})
}

// The roles, line by line.
func TestRolesAllowJustWhatTheFunctionsCall(t *testing.T) {
	const (
		repositories = `{"Fn::Sub":"arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"}`
		lists        = `[{"Fn::Sub":"arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${AccountListName}"},` +
			`{"Fn::Sub":"arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${AccountListName}/*"}]`
		readLists = `ReadAccountLists Allow ["ssm:GetParameters","ssm:GetParametersByPath","ssm:GetParameterHistory"] ` + lists
		publish   = `PublishRequests Allow "events:PutEvents" {"Fn::Sub":"arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"} ` +
			`if {"ForAllValues:StringEquals":{"events:source":"ecr-pull-policy","events:detail-type":"Repository Reconcile Requested"},` +
			`"Null":{"events:source":"false","events:detail-type":"false"}}`
		key = `if WithKey: UseKeyOfQueues Allow ["kms:Decrypt","kms:GenerateDataKey"] {"Ref":"KmsKeyArn"} ` +
			`if {"StringLike":{"kms:ViaService":{"Fn::Sub":"sqs.${AWS::Region}.*"}}}`
		logs = `WriteLogs Allow ["logs:CreateLogStream","logs:PutLogEvents"] {"Fn::GetAtt":["%s","Arn"]}`
	)
	want := map[string][]string{
		"OnRepoRole": {
			`ReadRepositoryPolicies Allow "ecr:GetRepositoryPolicy" ` + repositories,
			`if Enforcing: WriteRepositoryPolicies Allow ["ecr:SetRepositoryPolicy","ecr:DeleteRepositoryPolicy"] ` + repositories,
			`ReadRegistryPolicy Allow "ecr:GetRegistryPolicy" "*"`,
			readLists,
			`ReceiveRequests Allow ["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:GetQueueAttributes"] {"Fn::GetAtt":["RequestQueue","Arn"]}`,
			publish,
			`KeepWhatFailed Allow "sqs:SendMessage" {"Fn::GetAtt":["OnRepoDeadLetterQueue","Arn"]}`,
			key,
			strings.ReplaceAll(logs, "%s", "OnRepoLogs"),
		},
		"OnAccountRole": {
			`ListRepositories Allow "ecr:DescribeRepositories" ` + repositories,
			`if Enforcing: CheckPrincipals Allow "ecr:SetRepositoryPolicy" {"Fn::GetAtt":["PrincipalCheckRepository","Arn"]}`,
			`ReadRegistryPolicy Allow "ecr:GetRegistryPolicy" "*"`,
			`if Enforcing: WriteRegistryPolicy Allow ["ecr:PutRegistryPolicy","ecr:DeleteRegistryPolicy"] "*"`,
			readLists,
			publish,
			`KeepWhatFailed Allow "sqs:SendMessage" {"Fn::GetAtt":["OnAccountDeadLetterQueue","Arn"]}`,
			key,
			strings.ReplaceAll(logs, "%s", "OnAccountLogs"),
		},
	}
	each(t, translated(t), "AWS::IAM::Role", 2, func(name string, role struct {
		ManagedPolicyArns, PermissionsBoundary json.RawMessage
		Policies                               []struct {
			PolicyDocument struct{ Statement []json.RawMessage }
		}
	}) {
		if role.ManagedPolicyArns != nil || len(role.Policies) != 1 {
			t.Fatalf("%s: %+v", name, role)
		}
		const boundary = `{"Fn::If":["WithBoundary",{"Ref":"PermissionsBoundaryArn"},{"Ref":"AWS::NoValue"}]}`
		if compact(t, role.PermissionsBoundary) != boundary {
			t.Errorf("%s is bounded by %s", name, role.PermissionsBoundary)
		}
		var got []string
		for _, raw := range role.Policies[0].PolicyDocument.Statement {
			got = append(got, describe(t, raw))
		}
		if !slices.Equal(got, want[name]) {
			t.Errorf("%s allows\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want[name], "\n"))
		}
	})
}

func describe(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var conditional struct {
		If []json.RawMessage `json:"Fn::If"`
	}
	if err := json.Unmarshal(raw, &conditional); err != nil {
		t.Fatal(err)
	}
	if len(conditional.If) == 3 {
		if compact(t, conditional.If[2]) != `{"Ref":"AWS::NoValue"}` {
			t.Errorf("otherwise %s", conditional.If[2])
		}
		return "if " + strings.Trim(string(conditional.If[0]), `"`) + ": " + describe(t, conditional.If[1])
	}
	var statement struct {
		Sid, Effect                 string
		Action, Resource, Condition json.RawMessage
	}
	if err := json.Unmarshal(raw, &statement); err != nil {
		t.Fatal(err)
	}
	text := strings.Join([]string{statement.Sid, statement.Effect, compact(t, statement.Action), compact(t, statement.Resource)}, " ")
	if statement.Condition != nil {
		text += " if " + compact(t, statement.Condition)
	}
	return text
}

func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(raw); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text.String())
}
