package docs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// serveEndpoint serves the simulated AWS services with two more API operations, and returns the endpoint URL. moto
// supports Invoke only with Docker, and doesn't support StartMessageMoveTask.
func (s *sandbox) serveEndpoint() string {
	moto, err := url.Parse(s.Endpoint)
	s.must(err)
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(moto))
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invoke)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AmazonSQS.StartMessageMoveTask" {
			s.move(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// invoke handles calls of Invoke. It invokes the function in the emulator.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (s *sandbox) invoke(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for id, function := range s.Stack.Functions {
		if function.Name != r.PathValue("name") {
			continue
		}
		invocation, err := s.Invoke(r.Context(), id, payload)
		if err != nil || invocation.Error != nil {
			s.t.Errorf("invoke %s with %s: %v, %v", id, payload, err, invocation.Error)
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	http.Error(w, "no such function", http.StatusNotFound)
}

// move handles calls of StartMessageMoveTask. It moves all messages of a queue to another queue before it responds.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
func (s *sandbox) move(w http.ResponseWriter, r *http.Request) {
	var input struct{ SourceArn, DestinationArn string }
	err := json.NewDecoder(r.Body).Decode(&input)
	if err == nil {
		err = s.moveMessages(r.Context(), input.SourceArn, input.DestinationArn)
	}
	if err != nil {
		s.t.Errorf("move messages: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, `{"TaskHandle":"task"}`)
}

func (s *sandbox) moveMessages(ctx context.Context, source, destination string) error {
	from, err := s.queue(ctx, source)
	if err != nil {
		return err
	}
	to, err := s.queue(ctx, destination)
	if err != nil {
		return err
	}
	for {
		received, err := s.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: from, MaxNumberOfMessages: 10})
		if err != nil || len(received.Messages) == 0 {
			return err
		}
		for _, message := range received.Messages {
			if _, err := s.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: to, MessageBody: message.Body}); err != nil {
				return err
			}
			if _, err := s.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: from, ReceiptHandle: message.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
}

// queue returns the URL of the queue with the given ARN.
func (s *sandbox) queue(ctx context.Context, arn string) (*string, error) {
	output, err := s.SQS.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(arn[strings.LastIndex(arn, ":")+1:])})
	if err != nil {
		return nil, err
	}
	return output.QueueUrl, nil
}
