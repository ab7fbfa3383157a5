// Package schedule says when a job is due.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	// A container without files, and Windows, know no zones otherwise.
	_ "time/tzdata"
)

// The bounds of Every.
const (
	minEvery = time.Minute
	maxEvery = 7 * 24 * time.Hour
)

// Schedule says when a job runs; one of its settings is given, and Zone beside daily,
// weekly and monthly. Without any the job runs when an operator asks.
type Schedule struct {
	// Immediate has it run once, as soon as the schedule is put in force. Default: false
	Immediate bool `yaml:"immediate"`
	// Every is the interval, whole minutes from 1m to 168h, counted from midnight UTC
	// of 1 January 1970, so that a restart moves nothing.
	Every time.Duration `yaml:"every"`
	// Daily is the time of day, "03:00".
	Daily string `yaml:"daily"`
	// Weekly are days of the week.
	Weekly *Weekly `yaml:"weekly"`
	// Monthly is a day of the month.
	Monthly *Monthly `yaml:"monthly"`
	// Once is a time, 2026-12-01T03:00:00Z. One that has passed when the schedule is
	// put in force counts no more.
	Once time.Time `yaml:"once"`
	// Zone is the time zone of the times of day, such as Europe/Berlin. A time that the
	// clock leaves out is made up for right after; one that comes twice counts once.
	// Default: UTC
	Zone string `yaml:"zone"`
}

// Weekly are days of the week.
type Weekly struct {
	// Days are some of mon, tue, wed, thu, fri, sat, sun. Required.
	Days []string `yaml:"days"`
	// At is the time of day. Required.
	At string `yaml:"at"`
}

// Monthly is a day of the month.
type Monthly struct {
	// Day is 1 to 31; in a shorter month it is the last one. Required.
	Day int `yaml:"day"`
	// At is the time of day. Required.
	At string `yaml:"at"`
}

var weekdays = map[string]time.Weekday{
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
	"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}

// IsZero says whether the job runs only when an operator asks.
func (s Schedule) IsZero() bool { return s == Schedule{} }

// Single says whether it has one slot.
func (s Schedule) Single() bool { return s.Immediate || !s.Once.IsZero() }

// Check finds what is wrong with it.
func (s Schedule) Check() error {
	if s.IsZero() {
		return nil
	}
	given := 0
	for _, set := range []bool{s.Immediate, s.Every != 0, s.Daily != "", s.Weekly != nil, s.Monthly != nil, !s.Once.IsZero()} {
		if set {
			given++
		}
	}
	if given != 1 {
		return errors.New("needs exactly one of immediate, every, daily, weekly, monthly, once")
	}
	if s.Zone != "" && s.Daily == "" && s.Weekly == nil && s.Monthly == nil {
		return errors.New("zone goes with daily, weekly or monthly")
	}
	if _, err := s.location(); err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	return s.checkTimes()
}

func (s Schedule) checkTimes() error {
	switch {
	case s.Every != 0:
		if s.Every < minEvery || s.Every > maxEvery || s.Every%time.Minute != 0 {
			return fmt.Errorf("every is %v, and must be whole minutes from %v to %v", s.Every, minEvery, maxEvery)
		}
	case s.Daily != "":
		return checkClock("daily", s.Daily)
	case s.Weekly != nil:
		if len(s.Weekly.Days) == 0 {
			return errors.New("weekly: days is missing")
		}
		for _, day := range s.Weekly.Days {
			if _, ok := weekdays[day]; !ok {
				return fmt.Errorf("weekly: %q is none of mon, tue, wed, thu, fri, sat, sun", day)
			}
		}
		return checkClock("weekly: at", s.Weekly.At)
	case s.Monthly != nil:
		if s.Monthly.Day < 1 || s.Monthly.Day > 31 {
			return fmt.Errorf("monthly: day is %d, and must be 1 to 31", s.Monthly.Day)
		}
		return checkClock("monthly: at", s.Monthly.At)
	}
	return nil
}

func checkClock(setting, text string) error {
	if _, err := time.Parse("15:04", text); err != nil || len(text) != len("15:04") {
		return fmt.Errorf("%s is %q, and must be a time of day such as 03:00", setting, text)
	}
	return nil
}

func (s Schedule) location() (*time.Location, error) {
	if s.Zone == "Local" { // It would depend on the machine.
		return nil, errors.New("unknown time zone Local")
	}
	return time.LoadLocation(s.Zone)
}

// String says it in words, which are others for another schedule.
func (s Schedule) String() string {
	zone := s.Zone
	if zone == "" {
		zone = "UTC"
	}
	switch {
	case s.Immediate:
		return "immediately"
	case s.Every != 0:
		return "every " + short(s.Every)
	case s.Daily != "":
		return fmt.Sprintf("daily at %s %s", s.Daily, zone)
	case s.Weekly != nil:
		return fmt.Sprintf("weekly on %s at %s %s", strings.Join(s.Weekly.Days, ", "), s.Weekly.At, zone)
	case s.Monthly != nil:
		return fmt.Sprintf("monthly on day %d at %s %s", s.Monthly.Day, s.Monthly.At, zone)
	case !s.Once.IsZero():
		return "once at " + s.Once.UTC().Format(time.RFC3339)
	}
	return "when asked"
}

// short leaves out the units that are zero at the end: 2h, not 2h0m0s.
func short(d time.Duration) string {
	text := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(text, "h0m") {
		return strings.TrimSuffix(text, "0m")
	}
	return text
}
