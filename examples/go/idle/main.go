// SPDX-License-Identifier: Apache-2.0

// Idle keeps thousands of SSH connections open with a handful of goroutines: a session that has nothing to do is memory
// and no more. Both ends of each are in this process, back to back in memory; a few workers open them, and later ask
// each for a sign of life.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"sessile.dev/go"
)

// pair is a client and a server, driven by whichever worker has its turn.
type pair struct {
	client, server *sessile.Session
	ready, alive   bool
}

func configs() (client, server *sessile.SSHConfig, err error) {
	key, err := sessile.GenerateKey("ssh-ed25519", 0, "")
	if err != nil {
		return nil, nil, err
	}
	if server, err = sessile.NewSSHConfig(sessile.Server); err != nil {
		return nil, nil, err
	}
	if err = server.AddHostKey(key); err != nil {
		return nil, nil, err
	}
	line, err := sessile.KnownHostsLine("server", 22, key, false)
	if err != nil {
		return nil, nil, err
	}
	known, err := sessile.ParseKnownHosts(line, nil)
	if err != nil {
		return nil, nil, err
	}
	if client, err = sessile.NewSSHConfig(sessile.Client); err != nil {
		return nil, nil, err
	}
	return client, server, client.SetKnownHosts(known)
}

// open logs a client in: all of it happens inside ConnectSSH, since both ends are here.
func (p *pair) open(client, server *sessile.SSHConfig) error {
	var err error
	p.client, p.server, err = sessile.Pair(sessile.Handlers{
		Question: func(q *sessile.Question) error { return q.AcceptWith(sessile.ItemPassword, "secret") },
		Ready:    func() error { p.ready = true; return nil },
		Notice: func(kind sessile.Notice, _ []byte) error {
			p.alive = p.alive || kind == sessile.NoticeSSHAlive
			return nil
		},
	}, sessile.Handlers{
		Question: func(q *sessile.Question) error {
			if q.Text(sessile.ItemPassword) != "secret" {
				return q.Refuse(0)
			}
			return q.Accept()
		},
	})
	if err != nil {
		return err
	}
	if err := p.server.AcceptSSH(server); err != nil {
		return err
	}
	if err := p.client.ConnectSSH(client, "server", 22, "alice"); err != nil {
		return err
	}
	if !p.ready {
		return fmt.Errorf("no login: %w", p.client.Err())
	}
	return nil
}

func (p *pair) ask() error {
	if err := p.client.KeepAlive(); err != nil {
		return err
	}
	if !p.alive {
		return fmt.Errorf("no sign of life: %w", p.client.Err())
	}
	return nil
}

// each has a few workers do something with all of them.
func each(pairs []*pair, workers int, do func(*pair) error) error {
	work, failed := make(chan *pair), make(chan error, workers)
	var busy sync.WaitGroup
	for i := 0; i < workers; i++ {
		busy.Add(1)
		go func() {
			defer busy.Done()
			var first error
			for p := range work {
				if err := do(p); first == nil {
					first = err
				}
			}
			failed <- first
		}()
	}
	for _, p := range pairs {
		work <- p
	}
	close(work)
	busy.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// resident is this process's memory, in bytes; 0 where that is not to be found out.
func resident() int {
	debug.FreeOSMemory()
	var size, pages int
	text, _ := os.ReadFile("/proc/self/statm")
	_, _ = fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize()
}

func run(count, workers int) error {
	client, server, err := configs()
	if err != nil {
		return err
	}
	pairs, before, start := make([]*pair, count), resident(), time.Now()
	for i := range pairs {
		pairs[i] = &pair{}
	}
	if err := each(pairs, workers, func(p *pair) error { return p.open(client, server) }); err != nil {
		return err
	}
	fmt.Printf("%d connections, both ends here: opened in %.1f s by %d workers\n", count, time.Since(start).Seconds(),
		workers)
	fmt.Printf("idle: %d goroutines, %d KiB for both ends of one\n", runtime.NumGoroutine(),
		(resident()-before)/count/1024)
	start = time.Now()
	if err := each(pairs, workers, (*pair).ask); err != nil {
		return err
	}
	fmt.Printf("all of them gave a sign of life in %.1f s\n", time.Since(start).Seconds())
	return nil
}

func main() {
	log.SetFlags(0)
	count := flag.Int("sessions", 10000, "how many `connections`")
	workers := flag.Int("workers", 4, "how many `goroutines` drive them")
	flag.Parse()
	if err := run(*count, *workers); err != nil {
		log.Fatal(err)
	}
}
