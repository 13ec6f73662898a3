package localaws

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// The proxy rejects what AWS rejects, and forwards everything else.
func TestProxy(t *testing.T) {
	forwarded := 0
	moto := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		forwarded++
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte("{}"))
	}))
	defer moto.Close()
	p, err := newProxy(moto.URL, defaultRegion)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	endpoint, err := p.listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	clients := newClients(endpoint, defaultRegion)
	allow := func(principal string) string {
		return `{"Statement":[{"Sid":"x","Effect":"Allow","Principal":` + principal + `,"Action":"ecr:BatchGetImage"}]}`
	}
	for name, c := range map[string]struct{ repository, document, want string }{
		"an account":         {"team/api", allow(`{"AWS":["arn:aws:iam::111111111111:root","222222222222"]}`), ""},
		"all principals":     {"team/api", allow(`"*"`), ""},
		"an absent account":  {"team/api", allow(`{"AWS":["111111111111","` + GoneAccount + `"]}`), "Principal not found"},
		"its root":           {"team/api", allow(`{"AWS":"arn:aws:iam::` + GoneAccount + `:root"}`), "Principal not found"},
		"an absent role":     {"team/api", allow(`{"AWS":"arn:aws:iam::111111111111:role/gone"}`), "Principal not found"},
		"a deleted role":     {"team/api", allow(`{"AWS":"AROAEXAMPLEEXAMPLEEX"}`), "Principal not found"},
		"by a condition":     {"team/api", `{"Statement":[{"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"` + GoneAccount + `"}}}]}`, ""},
		"a long policy":      {"team/api", allow(`"` + strings.Repeat("x", 10240) + `"`), "less than or equal to 10240"},
		"a name that is bad": {"team..api", allow(`"*"`), "repositoryName"},
	} {
		t.Run(name, func(t *testing.T) {
			before := forwarded
			err := clients.SetPolicy(t.Context(), c.repository, c.document)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), "InvalidParameterException") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if isForwarded := forwarded > before; isForwarded != (c.want == "") {
				t.Errorf("forwarded: %t", isForwarded)
			}
		})
	}

	_, err = clients.ECR.PutRegistryPolicy(t.Context(), &ecr.PutRegistryPolicyInput{PolicyText: aws.String(allow(`{"AWS":"` + GoneAccount + `"}`))})
	if err == nil || !strings.Contains(err.Error(), "Principal not found") {
		t.Errorf("a registry policy for an absent account: %v", err)
	}

	_, err = newClients(endpoint, "eu-nowhere-1").CloudFormation.ListStacks(t.Context(), &cloudformation.ListStacksInput{})
	if err == nil || !strings.Contains(err.Error(), "UnknownRegion: eu-nowhere-1: ") || !strings.Contains(err.Error(), "the stack in "+defaultRegion) {
		t.Errorf("an absent Region: %v", err)
	}

	const several = `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":["arn:1",{"Ref":"q"}]}]}`
	_, err = clients.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: aws.String(endpoint + "/q"), Attributes: map[string]string{"Policy": several}})
	if err == nil || !strings.Contains(err.Error(), "InvalidAttributeValue") {
		t.Errorf("a statement for several queues: %v", err)
	}
	_, err = clients.CloudFormation.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName:    aws.String("s"),
		TemplateBody: aws.String(`{"Resources":{"P":{"Type":"AWS::SQS::QueuePolicy","Properties":{"PolicyDocument":` + several + `}}}}`)})
	if err == nil || !strings.Contains(err.Error(), "ValidationError") {
		t.Errorf("a template with such a statement: %v", err)
	}
}
