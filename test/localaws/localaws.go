// Package localaws runs the application on this machine, without Docker and without an AWS account. It uses moto for
// AWS, deploys the template to moto, and runs the functions' real binaries in AWS Lambda Runtime Interface Emulators. The
// emulator is a Linux program. On other systems, or with LOCALAWS_RUNTIME=host, the functions are processes of the host.
//
// It is hands-off: what a user does to it with the AWS CLI or an SDK has the consequences that it has on AWS. This
// package simulates what moto lacks: a proxy that rejects what AWS rejects, and publishes the events that ECR,
// CloudTrail and Parameter Store would (proxy.go); and a router that brings events from the stack's rules to the
// functions and messages from its queues, with the schedule, Lambda's retries and partial batch responses (router.go).
package localaws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

const (
	defaultRegion = "eu-central-1"
	stackName     = "ecr-pull-policy"
)

// Options configure Start. The zero value runs the source code of the working directory.
type Options struct {
	Root       string            // of the repository; found above the working directory if empty
	Template   string            // Root/template.yaml if empty
	Parameters map[string]string // of the stack, where they differ from the template's defaults
	Region     string            // eu-central-1 if empty
	Binaries   string            // what Build made; built if empty
	NoStack    bool              // wait until a caller creates the stack, with its code in a bucket
	KeepLogs   bool              // leave WorkDir behind
	Progress   io.Writer         // receives messages about steps that take time; can be nil
	Watcher    Watcher           // is told what happens, as it happens; can be nil
}

// Watcher is told what happens. Its methods must return soon, and can be called concurrently.
type Watcher interface {
	Delivered(Delivery)
	Logged(function string, line LogLine) // function is its logical ID
	Failed(error)                         // an error of the simulation, not of a function
}

type noWatcher struct{}

func (noWatcher) Delivered(Delivery)     {}
func (noWatcher) Logged(string, LogLine) {}
func (noWatcher) Failed(error)           {}

// AWS is running simulated AWS services.
type AWS struct {
	Clients
	Quiet    Clients // the same, but their calls are neither rejected nor cause events: for what was there before the stack
	Region   string
	Endpoint string // http://127.0.0.1:PORT

	QuietEndpoint string // that of Quiet

	WorkDir string // the logs: moto.log, and LOGICAL-ID.log for each function
	Stack   *Stack

	options    Options
	venv       venv.Venv
	dir        *workDir
	moto       *moto
	proxy      *proxy
	onHost     bool               // functions run as processes of this machine, and not in the emulator
	runners    map[string]*runner // by logical ID
	router     *router
	stopRouter context.CancelFunc
	cloudWatch *cloudWatch
	started    chan struct{} // closed when functions can be invoked
	deployed   sync.RWMutex  // is locked while a stack is started

	done   context.Context // ends with the context of Start, with Close, and when moto ends
	cancel context.CancelCauseFunc
	routed sync.WaitGroup
	close  func() error
}

var errClosed = errors.New("the simulated AWS services are closed")

// Start starts simulated AWS services. They stop with Close, or when the context ends.
func Start(ctx context.Context, options Options) (_ *AWS, err error) {
	if options.Root == "" {
		if options.Root, err = Root("."); err != nil {
			return nil, err
		}
	}
	if options.Root, err = filepath.Abs(options.Root); err != nil {
		return nil, err
	}
	options.Template = cmp.Or(options.Template, filepath.Join(options.Root, "template.yaml"))
	options.Region = cmp.Or(options.Region, defaultRegion)

	python, err := venv.Services(ctx, options.Root, options.Progress)
	if err != nil {
		return nil, fmt.Errorf("setting up Python: %w", err)
	}
	hosted, err := onHost()
	if err == nil && !hosted {
		_, err = emulatorPath(python)
	}
	if err != nil { // before other processes are started
		return nil, err
	}
	if options.Watcher == nil {
		options.Watcher = noWatcher{}
	}
	a := &AWS{Region: options.Region, options: options, venv: python, onHost: hosted, runners: map[string]*runner{}, started: make(chan struct{})}
	if a.dir, err = makeWorkDir(ctx, options.Root, options.KeepLogs); err != nil {
		return nil, fmt.Errorf("making a work directory: %w", err)
	}
	a.WorkDir = a.dir.path
	a.done, a.cancel = context.WithCancelCause(ctx)
	a.close = sync.OnceValue(a.stop)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if err := a.start(); err != nil {
		return nil, err
	}
	context.AfterFunc(a.done, func() { _ = a.Close() })
	return a, nil
}

// start starts all processes: first those that take long, concurrently, and then the others in the order of
// dependencies.
func (a *AWS) start() error {
	var template []byte
	group, ctx := errgroup.WithContext(a.done)
	group.Go(func() (err error) {
		a.moto, err = startMoto(ctx, a.venv, a.WorkDir)
		return err
	})
	group.Go(func() (err error) {
		template, err = translateFile(ctx, a.venv, a.options.Template, a.Region, true)
		return err
	})
	group.Go(func() error {
		if a.options.Binaries != "" || a.options.NoStack {
			return nil
		}
		a.options.Binaries = filepath.Join(a.WorkDir, "bin")
		return Build(ctx, a.options.Root, a.options.Binaries)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	go a.watch()
	a.QuietEndpoint = a.moto.endpoint
	a.Quiet = newClients(a.QuietEndpoint, a.Region)
	if err := a.startProxy(); err != nil {
		return err
	}
	a.Clients = newClients(a.Endpoint, a.Region)
	if a.options.NoStack {
		return nil
	}
	var err error
	if a.Stack, err = deploy(a.done, a.CloudFormation, a.Quiet, stackName, template, a.options.Parameters); err != nil {
		return fmt.Errorf("deploying %s to moto: %w", a.options.Template, err)
	}
	return a.startStack()
}

// startStack runs the functions of the stack and routes its events.
func (a *AWS) startStack() error {
	if err := a.startFunctions(); err != nil {
		return err
	}
	polling, stop := context.WithCancel(a.done)
	var err error
	if a.router, err = newRouter(a.done, a.Stack, a.Quiet, a.runners, a.options.Watcher); err != nil {
		stop()
		return err
	}
	a.stopRouter = stop
	a.routed.Go(func() { a.router.run(a.done, polling) })
	a.cloudWatch = newCloudWatch(a.Quiet.CloudWatchLogs, a.runners)
	select {
	case <-a.started: // before an update
	default:
		close(a.started)
	}
	return nil
}

// stopStack stops what startStack started, if anything.
func (a *AWS) stopStack() {
	if a.router == nil {
		return
	}
	a.stopRouter()
	a.routed.Wait()
	_ = a.cloudWatch.flush(a.done) // the lines of the functions that end
	for _, r := range a.runners {
		r.stop()
	}
}

func (a *AWS) startProxy() (err error) {
	if a.proxy, err = newProxy(a.moto.endpoint, a.Region); err != nil {
		return err
	}
	redrives := &redrives{sqs: a.Quiet.SQS}
	a.proxy.observe = a.observe
	a.proxy.played[targetSQS+".StartMessageMoveTask"] = redrives.start
	a.proxy.played[targetSQS+".ListMessageMoveTasks"] = redrives.list
	a.proxy.before[targetLogs] = a.flushLogs
	if !a.options.NoStack {
		a.proxy.formed["CreateChangeSet"] = a.translateChangeSet
		a.proxy.formed["UpdateStack"] = checkUpdate
	}
	a.proxy.paths.HandleFunc("POST /2015-03-31/functions/{name}/invocations", a.serveInvoke)
	a.proxy.server.Handler = a.serveStacks(a.proxy.server.Handler)
	a.Endpoint, err = a.proxy.listen("127.0.0.1")
	return err
}

// Listen serves the local AWS at another address of this machine too, and returns the endpoint.
func (a *AWS) Listen(address string) (endpoint string, err error) {
	return a.proxy.listen(address)
}

// watch ends everything if moto ends.
func (a *AWS) watch() {
	select {
	case <-a.moto.done:
		a.cancel(fmt.Errorf("moto ended: %w\n%s", a.moto.err, endOf(filepath.Join(a.WorkDir, "moto.log"))))
	case <-a.done.Done():
	}
}

func (a *AWS) startFunctions() error {
	binaries, err := filepath.Abs(a.options.Binaries)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(a.done)
	for _, function := range a.Stack.Functions {
		group.Go(func() error {
			r, err := a.startFunction(ctx, function, bootstrap(binaries, function.LogicalID))
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			a.runners[function.LogicalID] = r
			return nil
		})
	}
	return group.Wait()
}

func (a *AWS) startFunction(ctx context.Context, function Function, program string) (*runner, error) {
	if _, err := os.Stat(program); err != nil { // the emulator would answer every request with an empty 502
		return nil, fmt.Errorf("%s has no binary: %w", function.LogicalID, err)
	}
	wrote := func(line LogLine) { a.options.Watcher.Logged(function.LogicalID, line) }
	return startRunner(function, a.WorkDir, a.Environment(), wrote, func(environment []string, log io.Writer) (sandbox, error) {
		if a.onHost {
			return newHost(program, function.Timeout, a.WorkDir, environment, log)
		}
		command := []string{a.venv.Python(), "-I", "-S", "-c", childScript, program, function.Handler}
		return startEmulator(ctx, a.venv, function.Timeout, command, a.WorkDir, environment, log)
	})
}

// Environment is what makes a program talk to this AWS. A program that has it and nothing of this process's own
// environment can't meet a real account.
func (a *AWS) Environment() []string {
	return []string{
		"AWS_REGION=" + a.Region,
		"AWS_DEFAULT_REGION=" + a.Region,
		"AWS_ENDPOINT_URL=" + a.Endpoint,
		"AWS_USE_FIPS_ENDPOINT=false", // it has no others, and the SDK takes none with an endpoint of one's own
		"AWS_USE_DUALSTACK_ENDPOINT=false",
		"AWS_ACCESS_KEY_ID=" + Operator,
		"AWS_SECRET_ACCESS_KEY=" + secretAccessKey,
		"AWS_CONFIG_FILE=" + os.DevNull, // no profile, whatever anybody asks for
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"HOME=" + a.WorkDir,
	}
}

// Close stops everything and removes WorkDir, unless the logs are to be kept.
func (a *AWS) Close() error {
	return a.close()
}

func (a *AWS) stop() error {
	a.cancel(errClosed)
	a.routed.Wait()
	var stopping sync.WaitGroup
	for _, r := range a.runners {
		stopping.Go(r.stop)
	}
	if a.proxy != nil {
		a.proxy.stop()
	}
	if a.moto != nil {
		stopping.Go(a.moto.kill) // it has nothing to lose, and is slow to stop
	}
	stopping.Wait()
	return a.dir.remove()
}

// flushLogs brings the functions' lines to CloudWatch Logs.
func (a *AWS) flushLogs(ctx context.Context) error {
	select {
	case <-a.started:
		a.deployed.RLock()
		defer a.deployed.RUnlock()
		return a.cloudWatch.flush(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Settle waits until every queue is empty and no function runs, and returns what happened since the last call.
func (a *AWS) Settle(ctx context.Context) (Activity, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.done, func() { cancel(context.Cause(a.done)) })()
	a.deployed.RLock()
	defer a.deployed.RUnlock()
	activity, err := a.router.settle(ctx)
	if cause := context.Cause(a.done); cause != nil {
		return activity, cause
	}
	return activity, err
}

// Tick delivers a scheduled event for every schedule of the stack, as AWS does when it is time.
func (a *AWS) Tick(ctx context.Context) error {
	return a.router.tick(ctx)
}

// Invoke invokes a function, by its logical ID, and waits for it. It takes what no rule would deliver.
func (a *AWS) Invoke(ctx context.Context, function string, payload []byte) (Invocation, error) {
	if _, found := a.runners[function]; !found {
		return Invocation{}, fmt.Errorf("the stack has no function %s", function)
	}
	return a.router.invoke(ctx, function, "", 1, payload)
}

// Logs returns all that a function, by its logical ID, has written.
func (a *AWS) Logs(function string) []LogLine {
	r, found := a.runners[function]
	if !found {
		return nil
	}
	lines, _ := r.log.since(0)
	return lines
}
