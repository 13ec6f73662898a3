package localaws

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// Account is the account that moto plays.
const Account = "123456789012"

// secretAccessKey is what moto doesn't check.
const secretAccessKey = "local"

// Clients talk to the local AWS.
type Clients struct {
	CloudFormation *cloudformation.Client
	CloudTrail     *cloudtrail.Client
	CloudWatchLogs *cloudwatchlogs.Client
	ECR            *ecr.Client
	EventBridge    *eventbridge.Client
	IAM            *iam.Client
	Organizations  *organizations.Client
	SQS            *sqs.Client
	SSM            *ssm.Client
}

func newClients(endpoint, region string) Clients {
	config := aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(Operator, secretAccessKey, ""),
	}
	return Clients{
		CloudFormation: cloudformation.NewFromConfig(config),
		CloudTrail:     cloudtrail.NewFromConfig(config),
		CloudWatchLogs: cloudwatchlogs.NewFromConfig(config),
		ECR:            ecr.NewFromConfig(config),
		EventBridge:    eventbridge.NewFromConfig(config),
		IAM:            iam.NewFromConfig(config),
		Organizations:  organizations.NewFromConfig(config),
		SQS:            sqs.NewFromConfig(config),
		SSM:            ssm.NewFromConfig(config),
	}
}

// moto is a running moto_server.
type moto struct {
	*process
	endpoint string
}

//go:embed serve.py
var serveScript string

var errPortTaken = errors.New("the port was taken")

// startMoto returns once moto answers.
func startMoto(ctx context.Context, python venv.Venv, dir string) (*moto, error) {
	for range 3 {
		m, err := tryMoto(ctx, python, dir)
		if !errors.Is(err, errPortTaken) {
			return m, err
		}
	}
	return nil, fmt.Errorf("starting moto: %w, three times", errPortTaken)
}

func tryMoto(ctx context.Context, python venv.Venv, dir string) (*moto, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "moto.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(python.Python(), "-c", serveScript, "--host", "127.0.0.1", "--port", strconv.Itoa(ports[0]))
	cmd.Env = append(os.Environ(), "PYTHONWARNINGS=ignore", "PYTHONUNBUFFERED=1", "MOTO_ACCOUNT_ID="+Account,
		"MOTO_ALLOW_NONEXISTENT_REGION=true") // the proxy knows Regions that moto doesn't
	cmd.Stdout, cmd.Stderr = log, log
	p, err := start(cmd)
	if err != nil {
		return nil, fmt.Errorf("starting moto: %w", err)
	}
	m := &moto{process: p, endpoint: "http://" + address(ports[0])}
	if err := m.wait(ctx, log.Name()); err != nil {
		p.kill()
		return nil, err
	}
	return m, nil
}

func (m *moto) wait(ctx context.Context, log string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if m.answers(ctx) {
			return nil
		}
		select {
		case <-m.done:
			end := endOf(log)
			if portTaken(end) {
				return errPortTaken
			}
			return fmt.Errorf("moto ended at once: %w\n%s", m.err, end)
		case <-ctx.Done():
			return fmt.Errorf("waiting for moto: %w\n%s", ctx.Err(), endOf(log))
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (m *moto) answers(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint+"/moto-api/", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// freePorts returns ports that aren't in use.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer listener.Close() // after the loop, so that they differ
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
