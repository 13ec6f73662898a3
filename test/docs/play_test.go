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

// play returns the endpoint of the local AWS with what moto lacks: it runs functions in Docker alone, and moves no
// messages from queue to queue.
func (d *desk) play() (endpoint string) {
	moto, err := url.Parse(d.Endpoint)
	d.must(err)
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(moto))
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", d.invoke)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AmazonSQS.StartMessageMoveTask" {
			d.move(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	d.t.Cleanup(server.Close)
	return server.URL
}

// invoke runs a function in its emulator.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (d *desk) invoke(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for id, function := range d.Stack.Functions {
		if function.Name != r.PathValue("name") {
			continue
		}
		invocation, err := d.Invoke(r.Context(), id, payload)
		if err != nil || invocation.Error != nil {
			d.t.Errorf("%s, invoked with %s: %v, %v", id, payload, err, invocation.Error)
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	http.Error(w, "no such function", http.StatusNotFound)
}

// move moves all messages of a queue to another.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
func (d *desk) move(w http.ResponseWriter, r *http.Request) {
	var asked struct{ SourceArn, DestinationArn string }
	err := json.NewDecoder(r.Body).Decode(&asked)
	if err == nil {
		err = d.moveMessages(r.Context(), asked.SourceArn, asked.DestinationArn)
	}
	if err != nil {
		d.t.Errorf("move messages: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, `{"TaskHandle":"task"}`)
}

func (d *desk) moveMessages(ctx context.Context, source, destination string) error {
	from, err := d.queue(ctx, source)
	if err != nil {
		return err
	}
	to, err := d.queue(ctx, destination)
	if err != nil {
		return err
	}
	for {
		received, err := d.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: from, MaxNumberOfMessages: 10})
		if err != nil || len(received.Messages) == 0 {
			return err
		}
		for _, message := range received.Messages {
			if _, err := d.SQS.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: to, MessageBody: message.Body}); err != nil {
				return err
			}
			if _, err := d.SQS.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: from, ReceiptHandle: message.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
}

// queue returns the URL of the queue with an ARN.
func (d *desk) queue(ctx context.Context, arn string) (*string, error) {
	output, err := d.SQS.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(arn[strings.LastIndex(arn, ":")+1:])})
	if err != nil {
		return nil, err
	}
	return output.QueueUrl, nil
}
