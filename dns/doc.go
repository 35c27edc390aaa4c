// Package dns says where a name points, and whether that is still us.
//
// It has three parts. The [Resolver] asks: a batch of names in by an iterator, one [Answer] a name out by a function,
// in the order of completion. [Networks.Judge] decides: a pure function of one Answer and of what is ours, which
// returns the [Ownership] with its evidence in plain words; [Networks.Tried] tells every rule that it tried. For what is
// not clean [Resolver.Inquire] asks the name servers themselves, and the [Registry] what is registered: facts, by which
// the Answer is judged again.
//
// What the Resolver promises:
//   - A and AAAA of every name are asked, always both; a clean name costs these two queries and no more.
//   - A reply is believed only if it comes from the server that was asked, to the port it was asked from, with the ID
//     and the question that were sent (RFC 5452 §9.1); IDs and ports are unpredictable (§9.2). Anything else is dropped
//     and the wait goes on.
//   - A truncated reply is asked again over TCP (RFC 7766 §5).
//   - A query that got no usable reply is sent to the next resolver first, then again. It is given up after Attempts
//     at servers that answered others meanwhile; where nobody is answered, or our own queries get lost, it is asked on. Once all
//     servers have been silent for four timeouts, 20 s at least, what waits is given up, 200 names a second, until one answers.
//   - How many queries are on their way to a server follows from what it bears: few at first, more while nothing is lost
//     and its queue stays short, fewer at once where queries get lost. A rate is never exceeded. How long a reply is
//     waited for follows from the round trip and from the slowest replies of late.
//   - Only records of the answer section whose owner is reached from the asked name through CNAMEs count: glue and
//     additional records never do. A chain that returns to itself, or is longer than 16 names, ends as a loop.
//   - ::ffff:a.b.c.d counts as a.b.c.d. /etc/hosts, search domains and the operating system's resolver have no say.
//   - Every query has its deadline, every reply its limit of 64 KiB; a cancelled context ends the wait at once.
//   - As many answers as names, whatever happens: what was cut short is [StatusCanceled].
//   - Memory grows with the queries in flight and never with the list. A query costs no allocation, goroutine, channel
//     or timer of its own; a name that is not clean costs a goroutine.
//
// What makes somebody act against a customer (moved, free, expired, broken where all its servers are blamed) is also asked at
// a resolver of another operator ([Resolver.Confirm]): one pair of queries more for such a name, and none for any other.
//
// What an inquiry promises:
//   - Name servers are asked directly, without recursion, and only at addresses that [Config.Allow] lets in.
//   - That a domain is not in its parent zone takes two servers of that zone that say NXDOMAIN with authority and with the
//     SOA of the zone; whatever else they say, or do not, is no proof. Servers that contradict each other end in [Unknown].
//   - A resolver that says NXDOMAIN of what is there, or makes up addresses for what is not, is overruled, aloud. An answer
//     without records and without the SOA of the zone counts as none where no name server gives one with authority.
//   - A resolver that fails for every name makes none [Broken]: that takes one which finds another name of the zone above.
//   - A registry's "not found" counts only where the same server finds a control name of the same suffix in the same
//     process. What its limits did not allow is [RegUnchecked], what it did not make clear is [RegUnknown]; neither makes
//     a domain [Free], which takes the parent zone and the registry.
//   - No WHOIS server is asked for one name twice in a day, and none more than its rate; an RDAP server's Retry-After holds.
//     [RegistryMemory] holds all three over processes, also where one of them is killed in mid-question. An answer is its
//     server's: another one's is not reused and proves nothing.
//   - Clean names are asked about only by [Registry.Refresh], which waits for nothing and takes a quarter of the limits.
//   - Answers are read to 64 KiB (WHOIS) and 1 MiB (RDAP), with a deadline; https is never left for http or another host.
//
// What is known of proxies:
//   - Edge ranges and CNAMEs make a name [Proxied]; where a proxy connects to origins from, and whose its name servers are, do not.
//   - Who answers behind it is for a [Proof], which others ask for: our token with the nonce of the request is [ReasonOurs], a site without
//     it [ReasonNotOurs], all that could be the proxy's own word [ReasonUnverified].
//   - [UpdateProviders] takes no list that would turn verdicts over; what it cannot have leaves the last good one.
//
// The Judge follows the order of the verdicts that docs/codes.md lists, and never guesses: what cannot be told is
// [Unknown]. It knows nothing of certificates or of policy.
package dns
