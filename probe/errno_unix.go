//go:build !windows

package probe

import "syscall"

// What the kernel says when a connection cannot be had, by what it means. ICMPv6 "administratively prohibited" comes
// back as EACCES, "protocol unreachable" as ENOPROTOOPT.
var (
	errnoRefused      = []syscall.Errno{syscall.ECONNREFUSED}
	errnoReset        = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE}
	errnoTimeout      = []syscall.Errno{syscall.ETIMEDOUT}
	errnoUnreachable  = []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EAFNOSUPPORT}
	errnoLocalAddress = []syscall.Errno{syscall.EADDRNOTAVAIL}
	errnoScarce       = []syscall.Errno{ // comes back when something is closed
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
	}
	errnoLocal = []syscall.Errno{ // this machine's own trouble: says nothing of the target
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, syscall.EPERM, syscall.EADDRNOTAVAIL,
	}
)
