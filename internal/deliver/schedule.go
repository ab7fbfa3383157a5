package deliver

import (
	"errors"
	"time"
)

// Schedule says when a failed delivery is tried again: after First, then
// after Factor times as long each time, never longer than Max; each wait is
// varied by up to a fifth either way, so that what failed together does not
// return together. A delivery is given up when an attempt fails GiveUpAfter
// or longer after its event was accepted, but not before MinAttempts have
// failed: a relay that was down for days, or an operator's retry, gets those.
type Schedule struct {
	First       time.Duration
	Factor      float64
	Max         time.Duration
	GiveUpAfter time.Duration
	MinAttempts int
}

// DefaultSchedule waits 5 s, 15 s, 45 s, about 2, 7 and 20 min, then an hour
// each time, and gives up after 72 hours.
var DefaultSchedule = Schedule{
	First:       5 * time.Second,
	Factor:      3,
	Max:         time.Hour,
	GiveUpAfter: 72 * time.Hour,
	MinAttempts: 5,
}

// jitter is the part of a wait by which it is varied, either way.
const jitter = 0.2

// validate refuses a schedule that would not wait, or never end.
func (s Schedule) validate() error {
	switch {
	case s.First <= 0 || s.Max < s.First:
		return errors.New("retry schedule: first wait must be positive and at most the longest one")
	case !(s.Factor >= 1): // NaN as well
		return errors.New("retry schedule: factor must be at least 1")
	case s.GiveUpAfter <= 0 || s.MinAttempts < 1:
		return errors.New("retry schedule: time and number of attempts to give up after must be positive")
	}
	return nil
}

// Next says when to try again after the attempts-th failure (from 1) of a
// delivery accepted at acceptedAt, or that it is given up. random is from
// [0, 1). The last time is the end of GiveUpAfter itself, so that the promised
// span is used to its end.
func (s Schedule) Next(attempts int, acceptedAt, now time.Time, random float64) (at time.Time, giveUp bool) {
	end := acceptedAt.Add(s.GiveUpAfter)
	ended := !now.Before(end)
	if ended && attempts >= s.MinAttempts {
		return time.Time{}, true
	}
	at = now.Add(s.wait(attempts, random))
	if !ended && at.After(end) {
		at = end
	}
	return at, false
}

// wait is how long to wait after the attempts-th failure.
func (s Schedule) wait(attempts int, random float64) time.Duration {
	wait := float64(s.base(attempts)) * (1 - jitter + 2*jitter*random)
	return min(time.Duration(wait), s.Max)
}

// pause is until when a destination is left alone after its failures-th failure
// since it broke (1 for the one by which it did, and less before that): until
// notBefore if it asked for that, but not longer than Max for it.
func (s Schedule) pause(notBefore time.Time, failures int, now time.Time, random float64) time.Time {
	at := now.Add(s.wait(max(failures, 1), random))
	if latest := now.Add(s.Max); notBefore.After(latest) {
		return latest
	}
	if notBefore.After(at) {
		return notBefore
	}
	return at
}

// within is the time that a destination asked to wait until, but no longer than the
// longest pause.
func (s Schedule) within(at, now time.Time) time.Time {
	if latest := now.Add(s.Max); at.After(latest) {
		return latest
	}
	return at
}

// base is the wait after the attempts-th failure, without jitter.
func (s Schedule) base(attempts int) time.Duration {
	wait := float64(s.First)
	for range attempts - 1 {
		if wait *= s.Factor; wait >= float64(s.Max) {
			return s.Max
		}
		if s.Factor == 1 {
			break
		}
	}
	return time.Duration(wait)
}

// nextAfter is Next for a destination that asked to wait until notBefore. A
// time behind the end of the schedule, or behind the longest wait if that is
// later, is brought back to it: no destination can park a delivery for good.
func (s Schedule) nextAfter(notBefore time.Time, attempts int, acceptedAt, now time.Time, random float64) (time.Time, bool) {
	at, giveUp := s.Next(attempts, acceptedAt, now, random)
	if giveUp || !notBefore.After(at) {
		return at, giveUp
	}
	latest := now.Add(s.Max)
	if end := acceptedAt.Add(s.GiveUpAfter); end.After(latest) {
		latest = end
	}
	if notBefore.After(latest) {
		return latest, false
	}
	return notBefore, false
}
