// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"strings"

	"sessile.dev/go/internal/core"
)

// BadLine is a line that was skipped: its number, from 1, and what is wrong with it.
type BadLine struct {
	Line   int
	Reason string
}

func (o object) badLines(count func(uintptr) int, line func(uintptr, int) int,
	reason func(uintptr, int) []byte) []BadLine {
	defer runtime.KeepAlive(o.leaf)
	var lines []BadLine
	for i := 0; i < count(o.leaf.handle) && line(o.leaf.handle, i) > 0; i++ {
		lines = append(lines, BadLine{line(o.leaf.handle, i), string(reason(o.leaf.handle, i))})
	}
	return lines
}

// KnownHosts are the host keys that a client knows: one file's, and those of files read before it.
type KnownHosts struct{ object }

// ParseKnownHosts reads a file's text. before: the files that are looked at first; nil for none.
func ParseKnownHosts(data []byte, before *KnownHosts) (*KnownHosts, error) {
	first := uintptr(0)
	if before != nil {
		first = before.leaf.handle
	}
	o, err := made(core.Known_hosts_free, func(out []uintptr, room []byte) int {
		return core.Known_hosts_read(data, first, out, room)
	})
	runtime.KeepAlive(before)
	if err != nil {
		return nil, err
	}
	return &KnownHosts{o}, nil
}

// Len is how many lines were read.
func (k *KnownHosts) Len() int { return k.use(core.Known_hosts_count) }

// BadLines are those that were skipped, at most 100 of them.
func (k *KnownHosts) BadLines() []BadLine {
	return k.badLines(core.Known_hosts_bad_count, core.Known_hosts_bad_line, core.Known_hosts_bad_reason)
}

// HostCheck is what known hosts say of a key.
type HostCheck struct {
	Status     HostStatus
	File, Line int    // where it stands that decided, from 1; 0 for nowhere
	Reason     string // why a certificate was not good enough
}

// Check looks a host key up. port: 22 and 0 are the same. now: seconds since 1970; negative: no certificate is good.
func (k *KnownHosts) Check(host string, port int, key *Key, now int64) (HostCheck, error) {
	file, line, room := make([]uint, 1), make([]uint, 1), make([]byte, errorRoom)
	status := k.use(func(h uintptr) int {
		return core.Known_hosts_check(h, core.Text(host), port, key.leaf.handle, now, file, line, room)
	})
	runtime.KeepAlive(key)
	if err := fail(status, sentence(room)); err != nil {
		return HostCheck{}, err
	}
	return HostCheck{HostStatus(status), int(file[0]), int(line[0]), string(sentence(room))}, nil
}

// Algorithms are those by which the host can be known, to be offered first.
func (k *KnownHosts) Algorithms(host string, port int) []string {
	defer runtime.KeepAlive(k)
	text, _ := filled(func(room []byte) int {
		return core.Known_hosts_algorithms(k.leaf.handle, core.Text(host), port, room)
	})
	if len(text) == 0 {
		return nil
	}
	return strings.Split(string(text), ",")
}

// Keys are those that are known for the host at that very port.
func (k *KnownHosts) Keys(host string, port int) []*Key {
	defer runtime.KeepAlive(k)
	var keys []*Key
	for {
		key, err := newKey(func(out []uintptr, _ []byte) int {
			return core.Known_hosts_key(k.leaf.handle, core.Text(host), port, len(keys), out)
		})
		if err != nil {
			return keys
		}
		keys = append(keys, key)
	}
}

// KnownHostsLine is a line for the file, with its newline; hashed hides the name.
func KnownHostsLine(host string, port int, key *Key, hashed bool) ([]byte, error) {
	return key.filled(func(h uintptr, room []byte) int {
		return core.Known_hosts_line(core.Text(host), port, h, flag(hashed), room)
	})
}

// Login is who wants to log in.
type Login struct {
	User    string
	Address string // the peer's; "" for unknown: from= and source-address then refuse
	Host    string // the peer's name, where it was looked up and checked; "" takes the address for it
	Now     int64  // seconds since 1970; negative: what ends at some time is refused
}

// AuthorizedKeys are the keys that may log in as one user.
type AuthorizedKeys struct{ object }

// ParseAuthorizedKeys reads a file's text. zone: seconds east of UTC, for times that do not end in Z.
func ParseAuthorizedKeys(data []byte, zone int) (*AuthorizedKeys, error) {
	o, err := made(core.Authorized_keys_free, func(out []uintptr, room []byte) int {
		return core.Authorized_keys_read(data, zone, out, room)
	})
	if err != nil {
		return nil, err
	}
	return &AuthorizedKeys{o}, nil
}

// Len is how many lines were read.
func (k *AuthorizedKeys) Len() int { return k.use(core.Authorized_keys_count) }

// BadLines are those that were skipped, at most 100 of them.
func (k *AuthorizedKeys) BadLines() []BadLine {
	return k.badLines(core.Authorized_keys_bad_count, core.Authorized_keys_bad_line, core.Authorized_keys_bad_reason)
}

func newGrant(call func(out []uintptr, room []byte) int) (*Grant, error) {
	o, err := made(core.Grant_free, call)
	if err != nil {
		return nil, err
	}
	return &Grant{o}, nil
}

// Match is what a key may do; ErrVerify where no line lets it in. The signature is not looked at here.
func (k *AuthorizedKeys) Match(key *Key, login Login) (*Grant, error) {
	defer runtime.KeepAlive(k)
	defer runtime.KeepAlive(key)
	return newGrant(func(out []uintptr, room []byte) int {
		return core.Authorized_keys_match(k.leaf.handle, key.leaf.handle, core.Text(login.User),
			core.TextOrNone(login.Address), core.TextOrNone(login.Host), login.Now, out, room)
	})
}

// MatchAuthority is what a certificate by one of these authorities, trusted for all users, may do. principals: the
// user's; nil: the certificate must name the user.
func (k *AuthorizedKeys) MatchAuthority(principals *Principals, key *Key, login Login) (*Grant, error) {
	defer runtime.KeepAlive(k)
	defer runtime.KeepAlive(key)
	defer runtime.KeepAlive(principals)
	names := uintptr(0)
	if principals != nil {
		names = principals.leaf.handle
	}
	return newGrant(func(out []uintptr, room []byte) int {
		return core.Authorities_match(k.leaf.handle, names, key.leaf.handle, core.Text(login.User),
			core.TextOrNone(login.Address), core.TextOrNone(login.Host), login.Now, out, room)
	})
}

// Principals are the names that a certificate must carry one of to log in as one user.
type Principals struct{ object }

// ParsePrincipals reads a principals file.
func ParsePrincipals(data []byte, zone int) (*Principals, error) {
	o, err := made(core.Principals_free, func(out []uintptr, room []byte) int {
		return core.Principals_read(data, zone, out, room)
	})
	if err != nil {
		return nil, err
	}
	return &Principals{o}, nil
}

// Len is how many lines were read.
func (p *Principals) Len() int { return p.use(core.Principals_count) }

// BadLines are those that were skipped, at most 100 of them.
func (p *Principals) BadLines() []BadLine {
	return p.badLines(core.Principals_bad_count, core.Principals_bad_line, core.Principals_bad_reason)
}

// Grant is what a key that was let in may do.
type Grant struct{ object }

// Line is the number of the line that let it in; 0 where no file's did.
func (g *Grant) Line() int { return g.use(core.Grant_line) }

// Command is what to run in place of whatever is asked for; "" for none.
func (g *Grant) Command() string { return g.text(core.Grant_command) }

// Allows is whether the key may have it.
func (g *Grant) Allows(what Permission) bool {
	return g.yes(func(h uintptr) int { return core.Grant_allows(h, int(what)) })
}

// NeedsTouch is whether a security key must have been touched.
func (g *Grant) NeedsTouch() bool { return g.yes(core.Grant_needs_touch) }

// NeedsVerification is whether it must have verified its user.
func (g *Grant) NeedsVerification() bool { return g.yes(core.Grant_needs_verification) }

// AllowsOpen is whether it may have the server connect there.
func (g *Grant) AllowsOpen(host string, port int) bool {
	return g.yes(func(h uintptr) int { return core.Grant_allows_open(h, core.Text(host), port) })
}

// AllowsListen is whether it may have the server listen there.
func (g *Grant) AllowsListen(host string, port int) bool {
	return g.yes(func(h uintptr) int { return core.Grant_allows_listen(h, core.Text(host), port) })
}

// Environment is "NAME=value", each. Whoever may write the file may set any variable.
func (g *Grant) Environment() []string {
	var all []string
	for i, count := 0, g.use(core.Grant_environment_count); i < count; i++ {
		all = append(all, g.text(func(h uintptr) []byte { return core.Grant_environment(h, i) }))
	}
	return all
}

// KRL is a key revocation list.
type KRL struct{ object }

// ParseKRL reads a list as ssh-keygen -k makes it, or a text of public key lines.
func ParseKRL(data []byte) (*KRL, error) {
	o, err := made(core.Krl_free, func(out []uintptr, room []byte) int { return core.Krl_read(data, out, room) })
	if err != nil {
		return nil, err
	}
	return &KRL{o}, nil
}

// Version is the list's; 0 where it is a text.
func (k *KRL) Version() uint64 {
	defer runtime.KeepAlive(k)
	return core.Krl_version(k.leaf.handle)
}

// Generated is the second that it was made in since 1970.
func (k *KRL) Generated() uint64 {
	defer runtime.KeepAlive(k)
	return core.Krl_generated(k.leaf.handle)
}

// Comment is the list's, escaped.
func (k *KRL) Comment() string { return k.text(core.Krl_comment) }

// Revokes is whether the key, its certificate or the certificate's authority is revoked. Where it cannot be told, it
// must not be trusted.
func (k *KRL) Revokes(key *Key) (bool, error) {
	defer runtime.KeepAlive(key)
	result := k.use(func(h uintptr) int { return core.Krl_revokes(h, key.leaf.handle) })
	return result != 0, fail(result, nil)
}
