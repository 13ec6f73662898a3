package e2e_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// Limits that AWS checks when the stack is created, and neither a linter nor an emulator does. Each test checks the
// template against the limits of one service, with names and parameters of maximum length.

// atMost fails if a quantity exceeds the limit of a service.
func atMost(t *testing.T, what string, got, limit int) {
	t.Helper()
	if got > limit {
		t.Errorf("%s: %d, the limit is %d", what, got, limit)
	}
}

func between(t *testing.T, what string, got, low, high int) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s is %d, has to be between %d and %d", what, got, low, high)
	}
}

// matches fails unless a service takes the name.
func matches(t *testing.T, what, name, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(name) {
		t.Errorf("%s is called %q, has to match %s", what, name, pattern)
	}
}

// list is a value, or a list of values.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(l))
	}
	*l = make(list, 1)
	return json.Unmarshal(data, &(*l)[0])
}

type policyStatement struct {
	Sid       string
	Principal map[string]list
	Action    list
	Resource  list
	Condition map[string]map[string]list
}

type policyDocument struct{ Statement []policyStatement }

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
func checkSids(t *testing.T, name string, document policyDocument) {
	t.Helper()
	seen := map[string]bool{}
	for _, statement := range document.Statement {
		matches(t, "a statement of "+name, statement.Sid, `[A-Za-z0-9]+`)
		if seen[statement.Sid] {
			t.Errorf("%s has two statements %s", name, statement.Sid)
		}
		seen[statement.Sid] = true
	}
}

func TestSQSTakesTheQueuePolicies(t *testing.T) {
	tmpl := largest(t)
	queues := map[string]string{} // ARN by URL
	r := resolver{t, tmpl}
	every(t, tmpl, "AWS::SQS::Queue", func(name string, _ struct{}) { queues[r.reference(name).(string)] = r.attribute(name, "Arn") })
	taken := map[string]string{}
	every(t, tmpl, "AWS::SQS::QueuePolicy", func(name string, policy struct {
		Queues         []string
		PolicyDocument json.RawMessage
	}) {
		var document policyDocument
		if err := json.Unmarshal(policy.PolicyDocument, &document); err != nil {
			t.Fatal(err)
		}
		checkSids(t, name, document)
		// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
		atMost(t, name+" in bytes", len(policy.PolicyDocument), 8192)
		atMost(t, "statements of "+name, len(document.Statement), 20)
		principals, conditions := 0, 0
		for _, statement := range document.Statement {
			atMost(t, "actions of "+name, len(statement.Action), 7)
			for _, p := range statement.Principal {
				principals += len(p)
			}
			for _, operator := range statement.Condition {
				conditions += len(operator)
			}
		}
		atMost(t, "principals of "+name, principals, 50)
		atMost(t, "conditions of "+name, conditions, 10)
		for _, url := range policy.Queues {
			// A policy takes the place of the one before.
			// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
			if taken[url] != "" {
				t.Errorf("%s and %s are both the policy of %s", taken[url], name, url)
			}
			taken[url] = name
			// Statements cover a single queue, which is the policy's own.
			// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-overview-of-managing-access.html
			for _, statement := range document.Statement {
				if len(statement.Resource) != 1 || statement.Resource[0] != queues[url] {
					t.Errorf("statement %s of %s is about %d queues, not about %s alone", statement.Sid, name, len(statement.Resource), url)
				}
			}
		}
	})
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
func TestSQSTakesTheQueues(t *testing.T) {
	every(t, largest(t), "AWS::SQS::Queue", func(name string, queue struct {
		VisibilityTimeout, MessageRetentionPeriod int
		RedrivePolicy                             *struct{ MaxReceiveCount int }
	}) {
		between(t, "VisibilityTimeout of "+name, queue.VisibilityTimeout, 0, 43_200)
		between(t, "MessageRetentionPeriod of "+name, queue.MessageRetentionPeriod, 60, 1_209_600)
		if queue.RedrivePolicy != nil {
			between(t, "maxReceiveCount of "+name, queue.RedrivePolicy.MaxReceiveCount, 1, 1000)
		}
	})
}

func TestEventBridgeTakesTheRules(t *testing.T) {
	every(t, largest(t), "AWS::Events::Rule", func(name string, rule struct {
		Description, ScheduleExpression string
		EventPattern                    json.RawMessage
		Targets                         []struct {
			ID, Arn     string
			RetryPolicy struct{ MaximumRetryAttempts, MaximumEventAgeInSeconds int }
		}
	}) {
		// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
		atMost(t, "pattern of "+name+" in characters", len(rule.EventPattern), 2048)
		atMost(t, "targets of "+name, len(rule.Targets), 5)
		// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
		atMost(t, "description of "+name, len(rule.Description), 512)
		atMost(t, "schedule of "+name, len(rule.ScheduleExpression), 256)
		for _, target := range rule.Targets {
			// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
			matches(t, "a target of "+name, target.ID, `[.\-_A-Za-z0-9]{1,64}`)
			atMost(t, "ARN of the target of "+name, len(target.Arn), 1600)
			// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
			between(t, "MaximumRetryAttempts of "+name, target.RetryPolicy.MaximumRetryAttempts, 0, 185)
			between(t, "MaximumEventAgeInSeconds of "+name, target.RetryPolicy.MaximumEventAgeInSeconds, 60, 86_400)
		}
	})
}

func TestIAMTakesTheRoles(t *testing.T) {
	every(t, largest(t), "AWS::IAM::Role", func(name string, role struct {
		Description, PermissionsBoundary string
		AssumeRolePolicyDocument         json.RawMessage
		Policies                         []struct {
			PolicyName     string
			PolicyDocument json.RawMessage
		}
	}) {
		// IAM doesn't count white space.
		// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
		inline := 0
		for _, policy := range role.Policies {
			inline += len(policy.PolicyDocument)
			matches(t, "a policy of "+name, policy.PolicyName, `[\w+=,.@-]{1,128}`)
			var document policyDocument
			if err := json.Unmarshal(policy.PolicyDocument, &document); err != nil {
				t.Fatal(err)
			}
			checkSids(t, name, document)
		}
		atMost(t, "inline policies of "+name+" in characters", inline, 10_240)
		atMost(t, "trust policy of "+name+" in characters", len(role.AssumeRolePolicyDocument), 2048)
		// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
		atMost(t, "description of "+name, len(role.Description), 1000)
		atMost(t, "permissions boundary of "+name, len(role.PermissionsBoundary), 2048)
	})
}

func TestLambdaTakesTheFunctions(t *testing.T) {
	tmpl := largest(t)
	r := resolver{t, tmpl}
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
	reserved := strings.Fields(`_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME
		AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME
		AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API
		LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR`)
	timeouts := map[string]int{} // seconds, by name
	every(t, tmpl, "AWS::Lambda::Function", func(name string, function struct {
		Description         string
		Timeout, MemorySize int
		Environment         struct{ Variables map[string]string }
	}) {
		// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
		environment := 0
		for key, value := range function.Environment.Variables {
			environment += len(key) + len(value)
			matches(t, "a variable of "+name, key, `[a-zA-Z][a-zA-Z0-9_]+`)
			if slices.Contains(reserved, key) {
				t.Errorf("%s sets %s, which is Lambda's", name, key)
			}
		}
		atMost(t, "environment of "+name+" in bytes", environment, 4096)
		between(t, "timeout of "+name, function.Timeout, 1, 900)
		between(t, "memory of "+name, function.MemorySize, 128, 10_240)
		// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
		atMost(t, "description of "+name, len(function.Description), 256)
		timeouts[r.physicalName(name)] = function.Timeout
	})
	// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
	every(t, tmpl, "AWS::Lambda::EventInvokeConfig", func(name string, config struct{ MaximumRetryAttempts int }) {
		between(t, "MaximumRetryAttempts of "+name, config.MaximumRetryAttempts, 0, 2)
	})
	invisible := map[string]int{} // seconds, by ARN
	every(t, tmpl, "AWS::SQS::Queue", func(name string, queue struct{ VisibilityTimeout int }) {
		invisible[r.attribute(name, "Arn")] = queue.VisibilityTimeout
	})
	every(t, tmpl, "AWS::Lambda::EventSourceMapping", func(name string, mapping struct {
		FunctionName, EventSourceArn string
		BatchSize                    int
		ScalingConfig                struct{ MaximumConcurrency int }
	}) {
		// https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
		between(t, "MaximumConcurrency of "+name, mapping.ScalingConfig.MaximumConcurrency, 2, 1000)
		// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
		between(t, "BatchSize of "+name, mapping.BatchSize, 1, 10_000)
		// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
		between(t, "VisibilityTimeout of the queue of "+name, invisible[mapping.EventSourceArn], timeouts[mapping.FunctionName], 43_200)
	})
}

func TestCloudWatchTakesTheAlarms(t *testing.T) {
	tmpl := largest(t)
	r := resolver{t, tmpl}
	every(t, tmpl, "AWS::CloudWatch::Alarm", func(name string, a alarm) {
		// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
		atMost(t, "name of "+name, len(r.physicalName(name)), 255)
		atMost(t, "description of "+name, len(a.AlarmDescription), 1024)
		for _, raw := range []json.RawMessage{a.AlarmActions, a.OKActions} {
			var actions []string
			if err := json.Unmarshal(raw, &actions); err != nil {
				t.Fatal(err)
			}
			atMost(t, "actions of "+name, len(actions), 5)
			for _, action := range actions {
				atMost(t, "action of "+name, len(action), 1024)
			}
		}
		period := a.Period
		if len(a.Metrics) > 0 {
			period = checkMetrics(t, name, a)
		}
		if period <= 0 || period%60 != 0 {
			t.Errorf("the period of %s is %d s, not minutes", name, period)
		}
		window := 86_400
		if period >= 3600 {
			window = 604_800
		}
		atMost(t, "evaluation window of "+name+" in seconds", period*a.EvaluationPeriods, window)
		atMost(t, "datapoints to alarm of "+name, a.DatapointsToAlarm, a.EvaluationPeriods)
	})
}

// checkMetrics returns the period of an alarm on an expression.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html
func checkMetrics(t *testing.T, name string, a alarm) (period int) {
	t.Helper()
	if a.Namespace != "" || a.MetricName != "" || a.Statistic != "" || a.Period != 0 || len(a.Dimensions) > 0 {
		t.Errorf("%s is about a metric and about expressions", name)
	}
	ids := map[string]bool{}
	metrics, expressions, watched := 0, 0, 0
	for _, query := range a.Metrics {
		matches(t, "a metric of "+name, query.ID, `[a-z][A-Za-z0-9_]{0,254}`)
		if ids[query.ID] {
			t.Errorf("%s has two metrics %s", name, query.ID)
		}
		ids[query.ID] = true
		if query.ReturnData == nil || *query.ReturnData { // the default
			watched++
		}
		if query.MetricStat == nil {
			expressions++
			atMost(t, "expression of "+name, len(query.Expression), 2048)
			continue
		}
		metrics++
		if period != 0 && period != query.MetricStat.Period {
			t.Errorf("%s has metrics of several periods", name)
		}
		period = query.MetricStat.Period
	}
	atMost(t, "metrics of "+name, metrics, 10)
	atMost(t, "expressions of "+name, expressions, 10)
	if watched != 1 {
		t.Errorf("%s watches %d of its metrics and expressions, has to watch one", name, watched)
	}
	return period
}

func TestCloudWatchTakesTheNames(t *testing.T) {
	tmpl := largest(t)
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
	every(t, tmpl, "AWS::CloudWatch::Dashboard", func(name string, dashboard struct{ DashboardName string }) {
		matches(t, name, dashboard.DashboardName, `[A-Za-z0-9_-]{1,255}`)
	})
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
	every(t, tmpl, "AWS::Logs::QueryDefinition", func(name string, query struct{ Name, QueryString string }) {
		between(t, "length of the name of "+name, len(query.Name), 1, 255)
		between(t, "length of "+name, len(query.QueryString), 1, 10_000)
	})
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
	every(t, tmpl, "AWS::Logs::LogGroup", func(name string, group struct{ LogGroupName string }) {
		matches(t, name, group.LogGroupName, `[.\-_/#A-Za-z0-9]{1,512}`)
	})
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
	days := []any{1.0, 3.0, 5.0, 7.0, 14.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 365.0, 400.0, 545.0, 731.0, 1096.0, 1827.0, 2192.0, 2557.0, 2922.0, 3288.0, 3653.0}
	if allowed := tmpl.Parameters["LogRetentionDays"].AllowedValues; !slices.Equal(allowed, days) {
		t.Errorf("LogRetentionDays may be %v, not %v", allowed, days)
	}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func TestCloudFormationTakesTheTemplate(t *testing.T) {
	text, err := localaws.Translate(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tmpl struct {
		Description string
		Parameters  map[string]struct{ Description string }
		Resources   map[string]json.RawMessage
		Outputs     map[string]struct{ Description string }
	}
	if err := json.Unmarshal(text, &tmpl); err != nil {
		t.Fatal(err)
	}
	atMost(t, "template.yaml in bytes", len(source), 1<<20) // in S3, where sam deploy puts it
	atMost(t, "translated template in bytes", len(text), 1<<20)
	atMost(t, "description", len(tmpl.Description), 1024)
	atMost(t, "parameters", len(tmpl.Parameters), 200)
	atMost(t, "resources", len(tmpl.Resources), 500)
	atMost(t, "outputs", len(tmpl.Outputs), 200)
	for name, p := range tmpl.Parameters {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
		between(t, "length of the description of "+name, len(p.Description), 1, 4000)
	}
	for name, output := range tmpl.Outputs {
		// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
		between(t, "length of the description of "+name, len(output.Description), 1, 1024)
	}
}
