// SPDX-License-Identifier: Apache-2.0

package sessile

import "sessile.dev/go/internal/core"

// ---- Requests of a client: each is answered by StreamHandlers.Reply, in order. Then what a server tells. ----

// RequestPTY asks for a terminal. modes: encoded as RFC 4254, section 8 has it, or nil.
func (t *Stream) RequestPTY(term string, columns int, rows int, width int, height int, modes []byte) error {
	return t.do(func(h uintptr) int {
		return core.Ssh_request_pty(h, core.Text(term), columns, rows, width, height, modes)
	})
}

// RequestEnv sets an environment variable.
func (t *Stream) RequestEnv(name string, value string) error {
	return t.do(func(h uintptr) int { return core.Ssh_request_env(h, core.Text(name), core.Text(value)) })
}

// RequestShell starts the user's shell.
func (t *Stream) RequestShell() error {
	return t.do(core.Ssh_request_shell)
}

// RequestExec runs a command.
func (t *Stream) RequestExec(command string) error {
	return t.do(func(h uintptr) int { return core.Ssh_request_exec(h, []byte(command)) })
}

// RequestSubsystem starts a subsystem, such as "sftp".
func (t *Stream) RequestSubsystem(name string) error {
	return t.do(func(h uintptr) int { return core.Ssh_request_subsystem(h, core.Text(name)) })
}

// RequestAgent asks for the agent to be forwarded.
func (t *Stream) RequestAgent() error {
	return t.do(core.Ssh_request_agent)
}

// RequestX11 asks for X11 forwarding.
func (t *Stream) RequestX11(single bool, protocol string, cookie string, screen int) error {
	return t.do(func(h uintptr) int {
		return core.Ssh_request_x11(h, flag(single), core.Text(protocol), core.Text(cookie), screen)
	})
}

// WindowChange tells the terminal's new size.
func (t *Stream) WindowChange(columns int, rows int, width int, height int) error {
	return t.do(func(h uintptr) int { return core.Ssh_window_change(h, columns, rows, width, height) })
}

// SendSignal sends a signal, named without SIG.
func (t *Stream) SendSignal(name string) error {
	return t.do(func(h uintptr) int { return core.Ssh_send_signal(h, core.Text(name)) })
}

// SendBreak sends a break (RFC 4335).
func (t *Stream) SendBreak(milliseconds int) error {
	return t.do(func(h uintptr) int { return core.Ssh_send_break(h, milliseconds) })
}

// SendEndOfWrite tells that nothing more will be read.
func (t *Stream) SendEndOfWrite() error {
	return t.do(core.Ssh_send_end_of_write)
}

// SendExitStatus tells how a server's command ended. When the stream is ended too, the channel is closed.
func (t *Stream) SendExitStatus(status uint32) error {
	return t.do(func(h uintptr) int { return core.Ssh_send_exit_status(h, int64(status)) })
}

// SendExitSignal tells which signal ended it.
func (t *Stream) SendExitSignal(name string, coreDumped bool, message string) error {
	return t.do(func(h uintptr) int {
		return core.Ssh_send_exit_signal(h, core.Text(name), flag(coreDumped), core.Text(message))
	})
}

// SendXonXoff tells whether the client may do flow control.
func (t *Stream) SendXonXoff(clientCanDo bool) error {
	return t.do(func(h uintptr) int { return core.Ssh_send_xon_xoff(h, flag(clientCanDo)) })
}

// ---- What came ----

// Exit is how a command ended.
type Exit struct {
	Known      bool   // whether the peer has told
	Status     uint32 // where Signal is ""
	Signal     string // without SIG
	Message    string // what was said of it, escaped
	CoreDumped bool
}

func (e *Exit) read(stream uintptr) {
	e.Known = true
	if status := core.Ssh_exit_status(stream); status >= 0 {
		e.Status = uint32(status)
	}
	e.Signal, e.Message = string(core.Ssh_exit_signal(stream)), string(core.Ssh_exit_message(stream))
	e.CoreDumped = core.Ssh_exit_core_dumped(stream) > 0
}

// Exit is how the command ended, once the peer has told. It stays when the channel is closed.
func (t *Stream) Exit() Exit { return t.exit }

// Type is the channel's type, such as "session"; "" where it is no SSH channel.
func (t *Stream) Type() string { return t.text(core.Ssh_stream_type) }

// Signal is the last signal that arrived, without SIG.
func (t *Stream) Signal() string { return t.text(core.Ssh_signal) }

// BreakLength is the length of the last break that arrived, in milliseconds.
func (t *Stream) BreakLength() int {
	length, _ := t.call(core.Ssh_break_length)
	return length
}

// XonXoff is whether flow control with ^S and ^Q may be done here.
func (t *Stream) XonXoff() bool {
	may, _ := t.call(core.Ssh_xon_xoff)
	return may > 0
}

// Terminal is the terminal's size in characters and pixels; 0 while unknown.
func (t *Stream) Terminal() (columns, rows, width, height int) {
	t.call(func(h uintptr) int {
		columns, rows = core.Ssh_terminal(h, core.SSH_COLUMNS), core.Ssh_terminal(h, core.SSH_ROWS)
		width, height = core.Ssh_terminal(h, core.SSH_WIDTH), core.Ssh_terminal(h, core.SSH_HEIGHT)
		return 0
	})
	return columns, rows, width, height
}
