// SPDX-License-Identifier: Apache-2.0

//go:build unix

package tls

import (
	"syscall"
	"time"
)

const mostDrained = 64 << 10

// drain throws away what has arrived, without waiting for more, as a client's tickets that nobody read for: closed with
// bytes unread, TCP would drop what is still on its way to the peer.
func (c *Conn) drain() {
	below, ok := c.conn.(syscall.Conn)
	if !ok || !c.reading.TryLock() {
		return
	}
	defer c.reading.Unlock()
	if raw, err := below.SyscallConn(); err == nil {
		_ = c.conn.SetReadDeadline(time.Time{})
		room := make([]byte, 4<<10)
		_ = raw.Read(func(fd uintptr) bool {
			for i := 0; i < mostDrained/len(room); i++ {
				if n, err := syscall.Read(int(fd), room); n <= 0 || err != nil {
					break
				}
			}
			return true
		})
	}
}
