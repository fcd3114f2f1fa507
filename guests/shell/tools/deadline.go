package tools

import (
	"context"
	"time"
)

// Deadline is a context that ends at a time. It looks at the clock itself when it is asked: nothing else runs in this
// program while a command computes, so a timer would not be heard.
type Deadline struct {
	context.Context
	at    time.Time
	asked int
	over  bool
}

// Within is a context that ends after a time, or with its parent.
func Within(parent context.Context, length time.Duration) *Deadline {
	return &Deadline{Context: parent, at: time.Now().Add(length)}
}

var ended, never = make(chan struct{}), make(chan struct{})

func init() { close(ended) }

// Deadline is the earlier of its own end and its parent's.
func (d *Deadline) Deadline() (time.Time, bool) {
	if outer, ok := d.Context.Deadline(); ok && outer.Before(d.at) {
		return outer, true
	}
	return d.at, true
}

func (d *Deadline) Err() error {
	if d.over {
		return context.DeadlineExceeded
	}
	// A look at the clock is a call of the host.
	if d.asked++; d.asked%64 == 1 && time.Now().After(d.at) {
		d.over = true
		return context.DeadlineExceeded
	}
	return d.Context.Err()
}

// Over tells whether this very context has ended, and not only its parent.
func (d *Deadline) Over() bool {
	d.over = d.over || time.Now().After(d.at)
	return d.over
}

func (d *Deadline) Done() <-chan struct{} {
	if d.Err() != nil {
		return ended
	}
	return never
}
