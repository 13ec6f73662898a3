package localaws

import "syscall"

// ownGroup puts a child in a process group of its own, so that it can be stopped with all its children, and lets the
// kernel kill it when this process dies, however it dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
