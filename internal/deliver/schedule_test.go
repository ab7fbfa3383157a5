package deliver

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDefaultScheduleWaits(t *testing.T) {
	want := []time.Duration{
		5 * time.Second, 15 * time.Second, 45 * time.Second, 135 * time.Second,
		405 * time.Second, 1215 * time.Second, time.Hour, time.Hour,
	}
	for i, wait := range want {
		at, giveUp := DefaultSchedule.Next(i+1, epoch, epoch, 0.5)
		if giveUp || at.Sub(epoch) != min(wait, time.Hour) {
			t.Errorf("wait after failure %d is %v (give up %v), want %v", i+1, at.Sub(epoch), giveUp, wait)
		}
	}
}

func TestScheduleGivesUp(t *testing.T) {
	end := epoch.Add(DefaultSchedule.GiveUpAfter)
	for _, test := range []struct {
		name     string
		attempts int
		now      time.Time
		want     time.Time
		giveUp   bool
	}{
		{"long before the end", 80, end.Add(-2 * time.Hour), end.Add(-time.Hour), false},
		{"shortly before the end: once more at the end", 80, end.Add(-time.Minute), end, false},
		{"at the end", 80, end, time.Time{}, true},
		{"behind the end, too few attempts", 4, end.Add(time.Hour), end.Add(time.Hour + 135*time.Second), false},
		{"behind the end, enough attempts", 5, end.Add(time.Hour), time.Time{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, giveUp := DefaultSchedule.Next(test.attempts, epoch, test.now, 0.5)
			if !at.Equal(test.want) || giveUp != test.giveUp {
				t.Errorf("next is %v, give up %v; want %v, %v", at, giveUp, test.want, test.giveUp)
			}
		})
	}
}

func TestScheduleHonoursRetryAfter(t *testing.T) {
	end := epoch.Add(DefaultSchedule.GiveUpAfter)
	for _, test := range []struct {
		name            string
		notBefore, want time.Time
	}{
		{"none", time.Time{}, epoch.Add(5 * time.Second)},
		{"earlier than the schedule", epoch.Add(time.Second), epoch.Add(5 * time.Second)},
		{"later than the schedule", epoch.Add(5 * time.Hour), epoch.Add(5 * time.Hour)},
		{"behind the end", epoch.AddDate(300, 0, 0), end},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, giveUp := DefaultSchedule.nextAfter(test.notBefore, 1, epoch, epoch, 0.5)
			if giveUp || !at.Equal(test.want) {
				t.Errorf("next is %v (give up %v), want %v", at, giveUp, test.want)
			}
		})
	}
}

func TestScheduleValidate(t *testing.T) {
	for name, damage := range map[string]func(*Schedule){
		"no first wait":    func(s *Schedule) { s.First = 0 },
		"max before first": func(s *Schedule) { s.Max = s.First - 1 },
		"shrinking waits":  func(s *Schedule) { s.Factor = 0.5 },
		"never ending":     func(s *Schedule) { s.GiveUpAfter = 0 },
		"no attempt":       func(s *Schedule) { s.MinAttempts = 0 },
	} {
		schedule := DefaultSchedule
		damage(&schedule)
		if schedule.validate() == nil {
			t.Errorf("a schedule with %s was accepted", name)
		}
	}
	if err := DefaultSchedule.validate(); err != nil {
		t.Error(err)
	}
}

// Whatever the schedule and the failure: waits are within the jitter of their
// base, capped, never shrink with the attempts, and the end comes where it is
// promised.
func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "first"))
		s := Schedule{
			First:       first,
			Factor:      rapid.Float64Range(1, 100).Draw(t, "factor"),
			Max:         first + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "more")),
			GiveUpAfter: time.Duration(rapid.Int64Range(1, int64(100*24*time.Hour)).Draw(t, "giveUpAfter")),
			MinAttempts: rapid.IntRange(1, 100).Draw(t, "minAttempts"),
		}
		attempts := rapid.IntRange(1, 1<<20).Draw(t, "attempts")
		now := epoch.Add(time.Duration(rapid.Int64Range(0, int64(200*24*time.Hour)).Draw(t, "elapsed")))
		end := epoch.Add(s.GiveUpAfter)

		at, giveUp := s.Next(attempts, epoch, now, rapid.Float64Range(0, 0.999999).Draw(t, "random"))
		if want := !now.Before(end) && attempts >= s.MinAttempts; giveUp != want {
			t.Fatalf("give up %v, want %v", giveUp, want)
		}
		if giveUp {
			return
		}
		wait, base := at.Sub(now), s.base(attempts)
		if wait <= 0 && !at.Equal(end) && base > 1 {
			t.Fatalf("wait is %v", wait)
		}
		if wait > s.Max || float64(wait) > 1.2*float64(base) {
			t.Fatalf("wait %v is over the cap %v or the jitter of %v", wait, s.Max, base)
		}
		if float64(wait) < 0.8*float64(base)-1 && !at.Equal(end) {
			t.Fatalf("wait %v is under the jitter of %v", wait, base)
		}
		if next := s.base(attempts + 1); next < base || next > s.Max {
			t.Fatalf("base %v is followed by %v, cap %v", base, next, s.Max)
		}
	})
}
