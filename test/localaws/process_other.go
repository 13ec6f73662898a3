//go:build !linux

package localaws

import "syscall"

// ownGroup puts a child in a process group of its own, so that it can be stopped with all its children.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
