// SPDX-License-Identifier: Apache-2.0

package sessile

import (
	"runtime"
	"strings"

	"sessile.dev/go/internal/core"
)

// SSHConfig is what SSH sessions have in common. It is filled once, by one goroutine, cannot be changed once it is
// used
// (ErrMisuse), and is then shared by any number of sessions and goroutines. What it leaves open is asked.
type SSHConfig struct{ object }

// NewSSHConfig has the default algorithms, no keys, and nothing trusted.
func NewSSHConfig(role Role) (*SSHConfig, error) {
	handle := core.Ssh_config_new(int(role))
	if handle == 0 {
		return nil, fail(int(ErrArgument), nil)
	}
	return &SSHConfig{object{newLeaf(handle, core.Ssh_config_free, nil)}}, nil
}

func (c *SSHConfig) set(call func(handle uintptr) int) error {
	err := fail(call(c.leaf.handle), nil)
	if failed, ok := err.(*Error); ok {
		failed.Text = string(core.Ssh_config_error_text(c.leaf.handle))
	}
	runtime.KeepAlive(c.leaf)
	return err
}

// SSHAlgorithms is everything that this build has for a kind, what is insecure included.
func SSHAlgorithms(kind Algorithms) []string {
	text, _ := filled(func(room []byte) int { return core.Ssh_algorithms(int(kind), room) })
	return strings.Split(string(text), ",")
}

// Algorithms is the list as it is.
func (c *SSHConfig) Algorithms(kind Algorithms) []string {
	return strings.Split(c.text(func(h uintptr) []byte { return core.Ssh_config_algorithms(h, int(kind)) }), ",")
}

// AddHostKey adds a server's host key: private, or public where each signature is QuestionSSHSign. One of each type.
func (c *SSHConfig) AddHostKey(it *Key) error {
	defer runtime.KeepAlive(it)
	return c.set(func(h uintptr) int { return core.Ssh_config_add_host_key(h, it.leaf.handle) })
}

// AddUserKey adds a key of a client's user, tried before any question is asked.
func (c *SSHConfig) AddUserKey(it *Key) error {
	defer runtime.KeepAlive(it)
	return c.set(func(h uintptr) int { return core.Ssh_config_add_user_key(h, it.leaf.handle) })
}

// SetKnownHosts sets the host keys that a client trusts.
func (c *SSHConfig) SetKnownHosts(it *KnownHosts) error {
	defer runtime.KeepAlive(it)
	return c.set(func(h uintptr) int { return core.Ssh_config_set_known_hosts(h, it.leaf.handle) })
}

// SetKRL sets revoked keys.
func (c *SSHConfig) SetKRL(it *KRL) error {
	defer runtime.KeepAlive(it)
	return c.set(func(h uintptr) int { return core.Ssh_config_set_krl(h, it.leaf.handle) })
}

// Check says what is missing, and makes the config immutable. Connecting and accepting do this too.
func (c *SSHConfig) Check() error {
	return c.set(core.Ssh_config_check)
}

// SetAlgorithms sets a list by preference, separated by commas; or with OpenSSH's "+", "-" or "^" before it.
func (c *SSHConfig) SetAlgorithms(kind Algorithms, list string) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_algorithms(h, int(kind), core.Text(list)) })
}

// UseDefault sets what a current OpenSSH offers.
func (c *SSHConfig) UseDefault() error {
	return c.set(core.Ssh_config_use_default)
}

// UseHardened leaves out NIST curves for key exchange, SHA-1, 2048-bit groups and encrypt-and-MAC.
func (c *SSHConfig) UseHardened() error {
	return c.set(core.Ssh_config_use_hardened)
}

// InsecureCompatible adds SHA-1 at the lists' ends, for old gear.
func (c *SSHConfig) InsecureCompatible() error {
	return c.set(core.Ssh_config_insecure_compatible)
}

// RequireStrictKex fails where the peer does not offer strict key exchange.
func (c *SSHConfig) RequireStrictKex(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_require_strict_kex(h, flag(on)) })
}

// SetSoftware is what the identification line says.
func (c *SSHConfig) SetSoftware(software string) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_software(h, core.Text(software)) })
}

// SetRekey has new keys after so many bytes, or packets, in one direction; 0: the default.
func (c *SSHConfig) SetRekey(bytes uint64, packets uint64) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_rekey(h, bytes, packets) })
}

// SetGroupSizes bounds group exchange, in bits.
func (c *SSHConfig) SetGroupSizes(minimum int, preferred int, maximum int) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_group_sizes(h, minimum, preferred, maximum) })
}

// SetModuli is the text of a moduli file, for servers.
func (c *SSHConfig) SetModuli(data []byte) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_moduli(h, data) })
}

// SetBanner is for users to read before authentication.
func (c *SSHConfig) SetBanner(data []byte) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_banner(h, data) })
}

// SetAuthMethods says which methods together authenticate: "publickey,password publickey,keyboard-interactive".
func (c *SSHConfig) SetAuthMethods(methods string) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_auth_methods(h, core.Text(methods)) })
}

// SetAuthTries bounds the attempts that may fail, 1 to 100.
func (c *SSHConfig) SetAuthTries(tries int) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_auth_tries(h, tries) })
}

// InsecureNoTouch lets security keys be untouched.
func (c *SSHConfig) InsecureNoTouch(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_insecure_no_touch(h, flag(on)) })
}

// RequireUserVerification has security keys verify their user.
func (c *SSHConfig) RequireUserVerification(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_require_user_verification(h, flag(on)) })
}

// InsecureAnyHostKey accepts any host key: whoever sits on the wire can read and change everything.
func (c *SSHConfig) InsecureAnyHostKey(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_insecure_any_host_key(h, flag(on)) })
}

// AskNewHostKeys has QuestionSSHHostKeys asked.
func (c *SSHConfig) AskNewHostKeys(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_ask_new_host_keys(h, flag(on)) })
}

// SetLimit changes a limit.
func (c *SSHConfig) SetLimit(limit Limit, value uint64) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_set_limit(h, int(limit), value) })
}

// InsecureKeyLog lets sessions give key log lines.
func (c *SSHConfig) InsecureKeyLog(on bool) error {
	return c.set(func(h uintptr) int { return core.Ssh_config_insecure_keylog(h, flag(on)) })
}
