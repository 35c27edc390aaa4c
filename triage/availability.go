package triage

import (
	"slices"
	"strings"

	"certscan/probe"
)

// state is what became of one endpoint, as far as availability goes.
type state int

const (
	stateUp         state = iota
	stateDown             // it does not serve
	stateUnjudged         // it serves, in a way that we cannot judge
	stateNameless         // it serves, and has no certificate for this name
	stateBlocked          // we will not dial it
	unroutable            // this machine cannot reach its family
	stateUnfinished       // our own trouble or shutdown, or a look-up of ours, cut the probe
)

// stateOf reads an observation's error.
func stateOf(o *probe.Observation) state {
	if o.Err == nil {
		if o.TLS != nil && len(o.TLS.Chain) == 0 {
			return stateNameless
		}
		return stateUp
	}
	if o.Err.Step == probe.StepDNS {
		return stateUnfinished
	}
	switch o.Err.Code {
	case probe.CodeRefused, probe.CodeReset, probe.CodeTimeout, probe.CodeUnreachable, probe.CodeEOF, probe.CodeNotTLS:
		return stateDown
	case probe.CodeAlert:
		if o.Err.Step == probe.StepTLS && strings.Contains(o.Err.Detail, "unrecognized_name") {
			return stateNameless
		}
		return stateDown
	case probe.CodeUnsupported:
		return stateUnjudged
	case probe.CodeBlocked:
		return stateBlocked
	case probe.CodeNoRoute:
		return unroutable
	case probe.CodeCanceled:
		return stateUnfinished
	}
	return stateUnfinished
}

// reachable reports whether the endpoint was dialled at all.
func (e *endpoint) reachable() bool { return e.state != unroutable && e.state != stateBlocked }

// detailed holds the codes that say too little without their detail.
var detailed = []probe.ErrorCode{probe.CodeAlert, probe.CodeNotTLS, probe.CodeUnsupported, probe.CodeCanceled}

// failure writes the error of an endpoint: the step in words, and the code as it stands in the record.
func (e *endpoint) failure() string {
	if e.Err == nil {
		return "answers"
	}
	text := stepWords(e.Err.Step) + " " + string(e.Err.Code)
	answered := e.Err.Step == probe.StepHTTP && e.Err.Code == probe.CodeEOF // what was wrong with it is in the detail
	if e.Err.Detail != "" && (answered || e.Err.Step == probe.StepDNS || slices.Contains(detailed, e.Err.Code)) {
		text += " (" + clip(e.Err.Detail, maxQuote) + ")"
	}
	return text
}

func stepWords(s probe.Step) string {
	switch s {
	case probe.StepDNS:
		return "look-up"
	case probe.StepDial:
		return "connection"
	case probe.StepTLS:
		return "TLS handshake"
	case probe.StepHTTP:
		return "HTTP"
	}
	return string(s)
}

// deadPorts returns the ports that fail at every address that could be dialled. A port is a service of its own: mail
// that answers does not make the web server beside it less down.
func (s *scene) deadPorts() map[uint16]bool {
	dead := make(map[uint16]bool)
	for i := range s.ends {
		e := &s.ends[i]
		if !e.reachable() {
			continue
		}
		port := e.Target.Addr.Port()
		if all, known := dead[port]; !known || all {
			dead[port] = e.state == stateDown
		}
	}
	return dead
}

func tryDown(s *scene, code Code) ([]Finding, string) {
	if len(s.ends) == 0 {
		return nil, s.absent()
	}
	dead := s.deadPorts()
	all, failing := make([]string, 0, len(s.ends)), make([]string, 0, len(s.ends))
	for i := range s.ends {
		e := &s.ends[i]
		all = append(all, e.label+": "+e.failure())
		if e.state == stateDown && dead[e.Target.Addr.Port()] {
			failing = append(failing, e.label+": "+e.failure())
		}
	}
	why := enumerate(all, ", ")
	if len(failing) == 0 {
		return nil, why
	}
	message := "no address answers: " + enumerate(failing, ", ")
	return []Finding{raise(code, ActionInvestigate, message)}, why
}

func tryDownPartly(s *scene, code Code) ([]Finding, string) {
	dead := s.deadPorts()
	return s.each(code, s.ends, s.absent(), func(_ *scene, e *endpoint) look {
		l := look{why: e.failure(), action: ActionInvestigate}
		l.matched = e.state == stateDown && !dead[e.Target.Addr.Port()]
		l.message = "does not answer while another address does: " + l.why
		return l
	})
}

func tryTLSUnsupported(s *scene, code Code) ([]Finding, string) {
	return s.each(code, s.ends, s.absent(), func(_ *scene, e *endpoint) look {
		return look{
			matched: e.state == stateUnjudged, why: e.failure(), action: ActionInvestigate,
			message: "a server that speaks TLS in a way that cannot be judged: " + e.failure(),
		}
	})
}

func tryNoCertificate(s *scene, code Code) ([]Finding, string) {
	return s.each(code, s.ends, s.absent(), func(s *scene, e *endpoint) look {
		if e.state != stateNameless {
			return passed(e.failure())
		}
		return look{
			matched: true, why: e.failure(), action: s.mend(e, ActionRenew),
			message: "the server has no certificate for " + clip(e.Target.Name, maxQuote),
		}
	})
}

// seeUnseen finds endpoints whose probe we did not finish.
func seeUnseen(_ *scene, e *endpoint) look {
	if e.state != stateUnfinished {
		return passed("probed to the end")
	}
	why := e.label + " was not probed to the end: " + e.failure()
	return look{matched: true, why: why, action: ActionInvestigate}
}

// seeBlocked finds endpoints at addresses that we do not dial.
func seeBlocked(s *scene, e *endpoint) look {
	if e.state != stateBlocked {
		return passed("its address may be dialled")
	}
	l := look{matched: true, action: ActionInvestigate}
	l.why = e.Target.Addr.Addr().String() + " is a special-purpose address and was not dialled"
	if s.facts.Owner != nil {
		l.action = ActionFixDNS
	}
	return l
}

// absent says why there is no endpoint to look at.
func (s *scene) absent() string {
	if len(s.facts.Probes) == 0 {
		return "no endpoint was probed"
	}
	return "no endpoint counts: " + s.scope.why
}
