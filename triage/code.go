package triage

// Code names a finding; docs/codes.md tells cause and remedy of each.
type Code string

// The closed set of finding codes.
const (
	CertExpired      Code = "cert_expired"
	CertNotYetValid  Code = "cert_not_yet_valid"
	CertRevoked      Code = "cert_revoked"
	NameMismatch     Code = "name_mismatch"
	ChainUntrusted   Code = "chain_untrusted"
	SelfSigned       Code = "self_signed"
	CertExpiring     Code = "cert_expiring"
	RenewalOverdue   Code = "renewal_overdue"
	ChainIncomplete  Code = "chain_incomplete"
	StapleMissing    Code = "staple_missing"
	StapleInvalid    Code = "staple_invalid"
	Down             Code = "down"
	DownPartly       Code = "down_partly"
	Unresolved       Code = "unresolved"
	TLSUnsupported   Code = "tls_unsupported"
	NoCertificate    Code = "no_certificate"
	HTTP5xx          Code = "http_5xx"
	ProxyOriginError Code = "proxy_origin_error"
	RedirectLoop     Code = "redirect_loop"
	BackendDiffers   Code = "backend_differs"
	SerialNotServed  Code = "serial_not_served"
	KeyMismatch      Code = "key_mismatch"
	WeakKey          Code = "weak_key"
	WeakSignature    Code = "weak_signature"
	OldProtocol      Code = "old_protocol"
	GradeBelowA      Code = "grade_below_a"
	NoHTTPSRedirect  Code = "no_https_redirect"
	HSTSMissing      Code = "hsts_missing"
	IPv6Elsewhere    Code = "ipv6_elsewhere"
	IPv4Elsewhere    Code = "ipv4_elsewhere"
	SplitAddresses   Code = "split_addresses"
	OriginLeak       Code = "origin_leak"
	BehindProxy      Code = "behind_proxy"
	MovedAway        Code = "moved_away"
	DomainFree       Code = "domain_free"
	DomainExpired    Code = "domain_expired"
	DomainOnHold     Code = "domain_on_hold"
	NotDelegated     Code = "not_delegated"
	NoAddress        Code = "no_address"
	NameMissing      Code = "name_missing"
	DanglingCNAME    Code = "dangling_cname"
	DNSBroken        Code = "dns_broken"
	PrivateAddress   Code = "private_address"
	TakeoverRisk     Code = "takeover_risk"
	DomainExpiring   Code = "domain_expiring"
	CAAForbids       Code = "caa_forbids"
	CAAUnreachable   Code = "caa_unreachable"
	RenewalFailed    Code = "renewal_failed"
	RenewalBlocked   Code = "renewal_blocked"
	RenewalAtRisk    Code = "renewal_at_risk"
	LeftUs           Code = "left_us"
	Reregistered     Code = "reregistered"
	TaskFailed       Code = "task_failed"
	PanelInProgress  Code = "panel_in_progress"
	PanelFailed      Code = "panel_failed"
	PanelFailingNow  Code = "panel_failing_now"
	PanelStale       Code = "panel_stale"
	PanelUnreadable  Code = "panel_unreadable"
	ProbeBlind       Code = "probe_blind"
	Inconclusive     Code = "inconclusive"
	InvalidName      Code = "invalid_name"
	SVCBElsewhere    Code = "svcb_elsewhere"
)

// Codes lists the closed set, in the order of the contract's table.
var Codes = []Code{
	CertExpired, CertNotYetValid, CertRevoked, NameMismatch, ChainUntrusted, SelfSigned, CertExpiring, RenewalOverdue,
	ChainIncomplete, StapleMissing, StapleInvalid, Down, DownPartly, Unresolved, TLSUnsupported, NoCertificate, HTTP5xx,
	ProxyOriginError, RedirectLoop, BackendDiffers, SerialNotServed, KeyMismatch, WeakKey, WeakSignature, OldProtocol,
	GradeBelowA, NoHTTPSRedirect, HSTSMissing, IPv6Elsewhere, IPv4Elsewhere, SplitAddresses, OriginLeak, BehindProxy,
	MovedAway, DomainFree, DomainExpired, DomainOnHold, NotDelegated, NoAddress, NameMissing, DanglingCNAME, DNSBroken,
	PrivateAddress, TakeoverRisk, DomainExpiring, CAAForbids, CAAUnreachable, RenewalFailed, RenewalBlocked,
	RenewalAtRisk, LeftUs, Reregistered, TaskFailed, PanelInProgress, PanelFailed, PanelFailingNow, PanelStale,
	PanelUnreadable, ProbeBlind, Inconclusive, InvalidName, SVCBElsewhere,
}
