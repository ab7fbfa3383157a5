package schedule

import (
	"slices"
	"time"
)

// Next is the first slot after a time; ok is false if there is none any more. The
// schedule must have passed Check.
func (s Schedule) Next(after time.Time) (slot time.Time, ok bool) {
	switch {
	case s.Immediate:
		slot = immediately
	case s.Every != 0:
		every := int64(s.Every / time.Second)
		return time.Unix(floor(after.Unix(), every)+every, 0).UTC(), true
	case s.Daily != "":
		return s.nextDay(after, s.Daily, func(time.Time) bool { return true })
	case s.Weekly != nil:
		return s.nextDay(after, s.Weekly.At, func(day time.Time) bool {
			return slices.ContainsFunc(s.Weekly.Days, func(name string) bool { return weekdays[name] == day.Weekday() })
		})
	case s.Monthly != nil:
		return s.nextDay(after, s.Monthly.At, func(day time.Time) bool {
			lastDay := day.AddDate(0, 1, -day.Day()).Day()
			return day.Day() == min(s.Monthly.Day, lastDay)
		})
	default:
		slot = s.Once
	}
	return slot.UTC(), slot.After(after)
}

// Latest is the last slot after a time and not after now; ok is false if there is none.
// Slots between were missed: a job makes up for them with one run.
func (s Schedule) Latest(after, now time.Time) (slot time.Time, ok bool) {
	if s.Every != 0 && now.Sub(after) > 2*s.Every {
		after = now.Add(-2 * s.Every)
	} else if month := 32 * 24 * time.Hour; !s.Single() && now.Sub(after) > 2*month {
		after = now.Add(-2 * month)
	}
	for {
		next, there := s.Next(after)
		if !there || next.After(now) {
			return slot, ok
		}
		slot, after, ok = next, next, true
	}
}

// immediately is the one slot of Immediate: whoever has seen none has not seen it.
var immediately = time.Unix(0, 0)

// floor rounds down to a multiple, below zero too.
func floor(value, multiple int64) int64 {
	return value - ((value%multiple)+multiple)%multiple
}

// nextDay is the first slot after a time on a day that fits. Days are walked in UTC,
// where none is missing; a day that a zone has left out has no slot.
func (s Schedule) nextDay(after time.Time, clock string, fits func(day time.Time) bool) (time.Time, bool) {
	zone, err := s.location()
	at, clockErr := time.Parse("15:04", clock)
	if err != nil || clockErr != nil {
		return time.Time{}, false
	}
	local := after.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day()-1, 0, 0, 0, 0, time.UTC)
	for range 2 * 31 * 2 { // Any day of any month comes within two months.
		if fits(day) {
			slot, there := first(day, at, zone)
			if there && slot.After(after) {
				return slot.UTC(), true
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}

// first is the first instant at which the clocks of a zone show a time of a day. If they
// skip it, it is the first instant after the gap; if they skip the whole day, there is
// none.
func first(day, at time.Time, zone *time.Location) (time.Time, bool) {
	wall := time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	_, before := wall.Add(-48 * time.Hour).In(zone).Zone()
	_, after := wall.Add(48 * time.Hour).In(zone).Zone()
	// More time has passed in UTC with the smaller offset, so the larger one is the
	// earlier instant.
	for _, offset := range []int{max(before, after), min(before, after)} {
		instant := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if shows(instant, wall) {
			return instant, true
		}
	}
	// By the clocks of before, the time lies behind the change that skipped it.
	instant, _ := wall.Add(-time.Duration(before) * time.Second).In(zone).ZoneBounds()
	return instant, instant.Day() == day.Day()
}

func shows(instant, wall time.Time) bool {
	return instant.Day() == wall.Day() && instant.Hour() == wall.Hour() && instant.Minute() == wall.Minute()
}
