//go:build !linux

package main

// dieWithParent does nothing: only Linux has a parent death signal. Elsewhere the parent's own exit handler must do.
func dieWithParent() error { return nil }
