package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func newPublisher() (*stubaws.AWS, *event.Publisher) {
	cloud := stubaws.New("123456789012", "eu-central-1")
	return cloud, event.NewPublisher(eventbridge.NewFromConfig(cloud.Config()), "", event.PrincipalsUnknown)
}

func publish(t *testing.T, p *event.Publisher, n, nameLength int) error {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("r%0*d", nameLength-1, i)
		if err := p.Add(t.Context(), name); err != nil {
			return err
		}
	}
	return p.Flush(t.Context())
}

// named returns how often each repository was requested, after checking that every request can be decoded.
func named(t *testing.T, cloud *stubaws.AWS) (requests int, times map[string]int) {
	t.Helper()
	times = map[string]int{}
	for _, published := range cloud.Published() {
		requests++
		decoded, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range decoded.Names {
			times[name]++
		}
	}
	return requests, times
}

func TestPublish(t *testing.T) {
	for _, c := range []struct{ repositories, nameLength, requests, calls int }{
		{0, 10, 0, 0},
		{1, 10, 1, 1},
		{100, 10, 1, 1},
		{101, 10, 2, 1},
		{1000, 10, 10, 1},
		{1001, 10, 11, 2},
		{1500, 256, 15, 3}, // 26 kB a request: a call holds seven of them
	} {
		t.Run(fmt.Sprintf("%d names of %d", c.repositories, c.nameLength), func(t *testing.T) {
			cloud, publisher := newPublisher()
			if err := publish(t, publisher, c.repositories, c.nameLength); err != nil {
				t.Fatal(err)
			}
			if calls := cloud.Calls()["PutEvents"]; calls != c.calls {
				t.Errorf("%d calls, want %d", calls, c.calls)
			}
			requests, times := named(t, cloud)
			if requests != c.requests || len(times) != c.repositories {
				t.Errorf("%d requests name %d repositories, want %d and %d", requests, len(times), c.requests, c.repositories)
			}
			for name, n := range times {
				if n != 1 {
					t.Errorf("%s is named %d times", name, n)
				}
			}
		})
	}
}

// A call holds as many bytes as it may.
func TestFullCall(t *testing.T) {
	cloud, publisher := newPublisher()
	for i := range 800 {
		length := 247
		if i%100 >= 82 {
			length = 246
		}
		if err := publisher.Add(t.Context(), fmt.Sprintf("r%0*d", length-1, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := publisher.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, published := range cloud.Published() {
		bytes += len(published.Detail)
	}
	if calls := cloud.Calls()["PutEvents"]; calls != 1 || bytes != 200_000 {
		t.Errorf("%d calls for %d bytes", calls, bytes)
	}
}

func TestPublishNames(t *testing.T) {
	cloud, publisher := newPublisher()
	if err := publisher.Publish(t.Context(), []string{"api", "web"}); err != nil {
		t.Fatal(err)
	}
	if requests, times := named(t, cloud); requests != 1 || len(times) != 2 {
		t.Errorf("%d requests name %v", requests, times)
	}
}

func TestFailedEntriesAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, publisher := newPublisher()
		puts := 0
		cloud.EntryFails = func(index int) bool {
			if index == 0 {
				puts++
			}
			return puts < 4 && index%2 == 0 // 10, 5, 3, then 2 entries
		}
		if err := publish(t, publisher, 1000, 10); err != nil {
			t.Fatal(err)
		}
		requests, times := named(t, cloud)
		if requests != 10 || len(times) != 1000 {
			t.Errorf("%d requests name %d repositories, want 10 and 1000", requests, len(times))
		}
	})
}

// The last attempt can succeed, and nothing waits after it.
func TestLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, publisher := newPublisher()
		puts := 0
		cloud.EntryFails = func(int) bool {
			puts++
			return puts < 7
		}
		start := time.Now()
		if err := publish(t, publisher, 1, 10); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); puts != 7 || waited != 6300*time.Millisecond {
			t.Errorf("%d attempts in %s", puts, waited)
		}
	})
}

func TestEntriesKeepFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud, publisher := newPublisher()
		cloud.EntryFails = func(index int) bool { return index == 0 }
		start := time.Now()
		err := publish(t, publisher, 200, 10)
		if waited := time.Since(start); waited != 6300*time.Millisecond {
			t.Errorf("waited %s between attempts", waited)
		}
		if err == nil || !strings.Contains(err.Error(), "rejects 1 of 1 entry after 7 attempts: ThrottlingException") {
			t.Errorf("got %v", err)
		}
	})
}

func TestPrincipals(t *testing.T) {
	for _, principals := range []event.Principals{event.PrincipalsUnknown, event.PrincipalsExist} {
		cloud := stubaws.New("123456789012", "eu-central-1")
		publisher := event.NewPublisher(eventbridge.NewFromConfig(cloud.Config()), event.TriggerListChanged, principals)
		if err := publish(t, publisher, 101, 10); err != nil {
			t.Fatal(err)
		}
		for _, published := range cloud.Published() {
			got, err := event.ForRepositories(cloud.Envelope(published), cloud.Account)
			if err != nil || got.Trigger != event.TriggerListChanged || got.Principals != principals {
				t.Errorf("published %q, received %+v, %v", principals, got, err)
			}
		}
	}
}

func TestRequestInDocs(t *testing.T) {
	cloud, publisher := newPublisher()
	if err := publish(t, publisher, 2, 3); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(cloud.Published())
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"Source":"ecr-pull-policy","DetailType":"Repository Reconcile Requested","Detail":"{\"repositories\":[\"r00\",\"r01\"]}"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// short answers for fewer entries than it was given.
type short struct{ output eventbridge.PutEventsOutput }

func (s *short) PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return &s.output, nil
}

// Entries that EventBridge says nothing about, or says it didn't take, are not published.
func TestAnAnswerThatLacksEntriesIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, output := range map[string]eventbridge.PutEventsOutput{
			"no entries":          {},
			"a count without one": {FailedEntryCount: 2},
		} {
			p := event.NewPublisher(&short{output}, "", event.PrincipalsUnknown)
			if err := publish(t, p, 200, 10); err == nil {
				t.Errorf("%s: two requests are lost without an error", name)
			}
		}
	})
}
