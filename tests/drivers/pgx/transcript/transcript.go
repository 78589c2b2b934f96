// Package transcript is what the scripts for Go share: transcripts that hold nothing which changes
// from run to run, and the clients that write them at the same time.
package transcript

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

var newlines = regexp.MustCompile(`\s*\n\s*`)

// Transcript is what one client has seen.
type Transcript struct {
	Number int
	Round  int
	step   string
	mutex  sync.Mutex
	lines  []string
	bad    bool
	over   bool
}

// Say adds a line.
func (t *Transcript) Say(label string, value any) {
	line := fmt.Sprintf("%d.%d %s: %s: %s", t.Number, t.Round, t.step, label, show(value))
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.lines = append(t.lines, newlines.ReplaceAllString(line, " "))
}

func show(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case error:
		return value.Error()
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%v", value)
	}
	return string(text)
}

// Unexpected is what a step panics with when it cannot go on.
type Unexpected struct{ Err error }

// Must ends the step where err is one.
func Must(err error) {
	if err != nil {
		panic(Unexpected{err})
	}
}

// Step is one of the things that every client does.
type Step[C any] struct {
	Name string
	Do   func(C)
}

// Script is a program of steps. Open makes a client, Close ends it, Describe shows an error.
type Script[C any] struct {
	Version  string
	Steps    []Step[C]
	Open     func(*Transcript) C
	Close    func(C)
	Describe func(error) string
}

// Main starts CLIENTS clients at the same time, lets each go through the steps ROUNDS times, prints
// the transcripts and ends the process.
func (s Script[C]) Main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println(s.Version + ", " + runtime.Version())
		return
	}
	transcripts := make([]*Transcript, number("CLIENTS", 8))
	var clients sync.WaitGroup
	for index := range transcripts {
		transcripts[index] = &Transcript{Number: index + 1, step: "start"}
		clients.Go(func() { s.walk(transcripts[index], number("ROUNDS", 3)) })
	}
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	// A script that is stuck says where, before its caller ends it.
	seconds := number("SCRIPT_SECONDS", 270)
	select {
	case <-done:
	case <-time.After(time.Duration(seconds) * time.Second):
		for _, t := range transcripts {
			if !t.over {
				t.bad = true
				t.Say("not at its end after", fmt.Sprintf("%d s", seconds))
			}
		}
	}
	finish(transcripts)
}

// After something unexpected the client connects anew and goes on with the next step, so that one
// fault does not hide the others.
func (s Script[C]) walk(t *Transcript, rounds int) {
	client := s.Open(t)
	for t.Round = 1; t.Round <= rounds; t.Round++ {
		for _, step := range s.Steps {
			t.step = step.Name
			if !s.attempt(t, client, step) {
				s.Close(client)
				client = s.Open(t)
			}
		}
	}
	s.Close(client)
	t.over = true
}

func (s Script[C]) attempt(t *Transcript, client C, step Step[C]) (good bool) {
	defer func() {
		if thrown := recover(); thrown != nil {
			t.bad = true
			text := fmt.Sprint(thrown)
			if unexpected, ok := thrown.(Unexpected); ok {
				text = s.Describe(unexpected.Err)
			}
			t.Say("UNEXPECTED", text)
			fmt.Fprintf(os.Stderr, "client %d, %s: %s\n%s\n", t.Number, t.step, text, debug.Stack())
		}
	}()
	step.Do(client)
	return true
}

func number(name string, otherwise int) int {
	if value, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return value
	}
	return otherwise
}

func finish(transcripts []*Transcript) {
	status := 0
	for _, t := range transcripts {
		t.mutex.Lock()
		fmt.Println(strings.Join(t.lines, "\n"))
		t.mutex.Unlock()
		if t.bad {
			status = 1
		}
	}
	os.Exit(status)
}
