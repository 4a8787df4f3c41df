// Command supervise becomes the program it is given, after binding that program's life to its parent's:
//
//	supervise PARENT_PID PROGRAM [ARGUMENT...]
//
// PARENT_PID is who must be alive; on Linux the program is killed when its parent ends, however that ended.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) < 3 {
		fail("usage: supervise PARENT_PID PROGRAM [ARGUMENT...]")
	}
	parent, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	if err := dieWithParent(); err != nil {
		fail(err)
	}
	// The parent may have ended before the line above took hold.
	if os.Getppid() != parent {
		fail("the parent is gone")
	}
	program, err := exec.LookPath(os.Args[2])
	if err != nil {
		fail(err)
	}
	fail(syscall.Exec(program, os.Args[2:], os.Environ()))
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, "supervise:", reason)
	os.Exit(127)
}
