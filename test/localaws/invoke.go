package localaws

import (
	"context"
	"io"
	"net/http"
)

// serveInvoke runs a function in its emulator, by its name or ARN. moto would run it in Docker.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (a *AWS) serveInvoke(w http.ResponseWriter, r *http.Request) {
	select {
	case <-a.started:
	case <-r.Context().Done():
		return
	}
	a.deployed.RLock()
	defer a.deployed.RUnlock()
	name := r.PathValue("name")
	function, found := a.Stack.functionOf(name)
	if !found {
		(&apiError{"ResourceNotFoundException", "Function not found: " + name}).write(w, false)
		return
	}
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		a.router.begin()
		go func() { a.router.end(a.done, a.router.invokeAsync(a.done, function, "", payload)) }()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	invocation, err := a.Invoke(context.WithoutCancel(r.Context()), function.LogicalID, payload)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if invocation.Error != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = w.Write(invocation.Response)
}
