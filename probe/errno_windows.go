package probe

import "syscall"

// What Winsock says when a connection cannot be had, by what it means (Windows Sockets error codes, WSA…).
var (
	errnoRefused      = []syscall.Errno{10061}                      // ECONNREFUSED
	errnoReset        = []syscall.Errno{10054, 10053, 10058}        // ECONNRESET, ECONNABORTED, ESHUTDOWN
	errnoTimeout      = []syscall.Errno{10060}                      // ETIMEDOUT
	errnoUnreachable  = []syscall.Errno{10051, 10065, 10050, 10047} // ENETUNREACH, EHOSTUNREACH, ENETDOWN, EAFNOSUPPORT
	errnoLocalAddress = []syscall.Errno{10049}                      // EADDRNOTAVAIL
	errnoScarce       = []syscall.Errno{10024, 10055, 10049}        // EMFILE, ENOBUFS, EADDRNOTAVAIL: comes back when something is closed
	errnoLocal        = []syscall.Errno{                            // this machine's own trouble: says nothing of the target
		10024, 10055, 10049, 10013, // EMFILE, ENOBUFS, EADDRNOTAVAIL, EACCES
	}
)
