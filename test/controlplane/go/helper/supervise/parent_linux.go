package main

import (
	"runtime"
	"syscall"
)

// dieWithParent asks the kernel to kill this process when its parent ends: prctl(2), PR_SET_PDEATHSIG. The setting
// belongs to the calling thread and survives execve, so the thread that sets it must be the one that calls execve.
func dieWithParent() error {
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0); errno != 0 {
		return errno
	}
	return nil
}
