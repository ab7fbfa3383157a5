package schedule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestNext(t *testing.T) {
	for name, test := range map[string]struct {
		schedule    schedule.Schedule
		after, want string
	}{
		"every":                {schedule.Schedule{Every: 30 * time.Minute}, "2026-11-26T16:10:00Z", "2026-11-26T16:30:00Z"},
		"every, on the slot":   {schedule.Schedule{Every: 30 * time.Minute}, "2026-11-26T16:30:00Z", "2026-11-26T17:00:00Z"},
		"every, before 1970":   {schedule.Schedule{Every: time.Hour}, "1969-12-31T23:30:00Z", "1970-01-01T00:00:00Z"},
		"daily":                {schedule.Schedule{Daily: "03:00"}, "2026-11-26T16:10:00Z", "2026-11-27T03:00:00Z"},
		"daily, later today":   {schedule.Schedule{Daily: "23:59"}, "2026-11-26T16:10:00Z", "2026-11-26T23:59:00Z"},
		"daily in a zone":      {schedule.Schedule{Daily: "03:00", Zone: "Europe/Berlin"}, "2026-11-26T16:10:00Z", "2026-11-27T02:00:00Z"},
		"daily, skipped":       {schedule.Schedule{Daily: "02:30", Zone: "Europe/Berlin"}, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		"daily, twice":         {schedule.Schedule{Daily: "02:30", Zone: "Europe/Berlin"}, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		"daily, after twice":   {schedule.Schedule{Daily: "02:30", Zone: "Europe/Berlin"}, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		"daily, no midnight":   {schedule.Schedule{Daily: "00:00", Zone: "America/Sao_Paulo"}, "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"},
		"daily, no such day":   {schedule.Schedule{Daily: "03:00", Zone: "Pacific/Apia"}, "2011-12-29T13:00:00Z", "2011-12-30T13:00:00Z"},
		"weekly":               {schedule.Schedule{Weekly: &schedule.Weekly{Days: []string{"mon", "thu"}, At: "02:30"}}, "2026-11-26T16:10:00Z", "2026-11-30T02:30:00Z"},
		"weekly, same day":     {schedule.Schedule{Weekly: &schedule.Weekly{Days: []string{"thu"}, At: "17:00"}}, "2026-11-26T16:10:00Z", "2026-11-26T17:00:00Z"},
		"monthly":              {schedule.Schedule{Monthly: &schedule.Monthly{Day: 15, At: "04:00"}}, "2026-11-26T16:10:00Z", "2026-12-15T04:00:00Z"},
		"monthly, short month": {schedule.Schedule{Monthly: &schedule.Monthly{Day: 31, At: "04:00"}}, "2027-01-31T04:00:00Z", "2027-02-28T04:00:00Z"},
		"monthly, leap year":   {schedule.Schedule{Monthly: &schedule.Monthly{Day: 30, At: "04:00"}}, "2028-01-30T04:00:00Z", "2028-02-29T04:00:00Z"},
		"once":                 {schedule.Schedule{Once: at(t, "2026-12-01T03:00:00+01:00")}, "2026-11-26T16:10:00Z", "2026-12-01T02:00:00Z"},
		"once, over":           {schedule.Schedule{Once: at(t, "2026-11-01T03:00:00Z")}, "2026-11-26T16:10:00Z", ""},
		"immediately":          {schedule.Schedule{Immediate: true}, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		"immediately, over":    {schedule.Schedule{Immediate: true}, "1970-01-01T00:00:00Z", ""},
		"when asked":           {schedule.Schedule{}, "2026-11-26T16:10:00Z", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.schedule.Check(); err != nil {
				t.Fatal(err)
			}
			got, ok := test.schedule.Next(at(t, test.after))
			if ok != (test.want != "") || ok && !got.Equal(at(t, test.want)) {
				t.Errorf("next is %v, %v, want %q", got, ok, test.want)
			}
		})
	}
}

// Over ten years every day of a zone has one slot, whatever its clocks do.
func TestEachDayOnce(t *testing.T) {
	begin, end := at(t, "2009-01-01T00:00:00Z"), at(t, "2019-01-01T00:00:00Z")
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, clock := range []string{"00:00", "00:30", "01:30", "02:00", "02:15", "02:30", "03:00", "12:00", "23:59"} {
			daily := schedule.Schedule{Daily: clock, Zone: zone}
			before, ok := daily.Next(begin)
			for ok && before.Before(end) {
				next, there := daily.Next(before)
				if !there || !next.After(before) {
					t.Fatalf("%s %s: after %v comes %v, %v", zone, clock, before, next, there)
				}
				was, is := before.In(location), next.In(location)
				want := time.Date(was.Year(), was.Month(), was.Day()+1, 0, 0, 0, 0, time.UTC)
				if zone == "Pacific/Apia" && want.Year() == 2011 && want.YearDay() == 364 {
					want = want.AddDate(0, 0, 1) // Samoa had no 30 December 2011.
				}
				if is.Year() != want.Year() || is.YearDay() != want.YearDay() {
					t.Fatalf("%s %s: after %v comes %v", zone, clock, was, is)
				}
				if shown := is.Format("15:04"); shown < clock {
					t.Fatalf("%s: the slot of %s is at %s", zone, clock, is)
				}
				before, ok = next, there
			}
		}
	}
}

// What was missed is made up for once.
func TestLatest(t *testing.T) {
	now := at(t, "2026-11-26T16:10:00Z")
	for name, test := range map[string]struct {
		schedule    schedule.Schedule
		after, want string
	}{
		"every, years missed":  {schedule.Schedule{Every: time.Minute}, "2016-11-26T16:10:00Z", "2026-11-26T16:10:00Z"},
		"every, none missed":   {schedule.Schedule{Every: time.Hour}, "2026-11-26T16:05:00Z", ""},
		"daily, years missed":  {schedule.Schedule{Daily: "16:10"}, "2016-11-26T16:10:00Z", "2026-11-26T16:10:00Z"},
		"monthly, one missed":  {schedule.Schedule{Monthly: &schedule.Monthly{Day: 1, At: "00:00"}}, "2016-11-26T16:10:00Z", "2026-11-01T00:00:00Z"},
		"once, long ago":       {schedule.Schedule{Once: at(t, "2016-11-27T00:00:00Z")}, "2016-11-26T16:10:00Z", "2016-11-27T00:00:00Z"},
		"once, to come":        {schedule.Schedule{Once: at(t, "2026-11-27T00:00:00Z")}, "2016-11-26T16:10:00Z", ""},
		"immediately":          {schedule.Schedule{Immediate: true}, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		"immediately, planned": {schedule.Schedule{Immediate: true}, "1970-01-01T00:00:00Z", ""},
	} {
		got, ok := test.schedule.Latest(at(t, test.after), now)
		if ok != (test.want != "") || ok && !got.Equal(at(t, test.want)) {
			t.Errorf("%s: latest is %v, %v, want %q", name, got, ok, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, bad := range map[string]schedule.Schedule{
		"exactly one of":           {Every: time.Hour, Daily: "03:00"},
		"exactly one of immediate": {Zone: "UTC"},
		"zone goes with":           {Every: time.Hour, Zone: "UTC"},
		"unknown time zone Mars":   {Daily: "03:00", Zone: "Mars"},
		"unknown time zone Local":  {Daily: "03:00", Zone: "Local"},
		"every is 30s":             {Every: 30 * time.Second},
		"every is 1m30s":           {Every: 90 * time.Second},
		"every is 169h0m0s":        {Every: 169 * time.Hour},
		"every is -1m0s":           {Every: -time.Minute},
		`daily is "3:00"`:          {Daily: "3:00"},
		`daily is "24:00"`:         {Daily: "24:00"},
		"weekly: days is missing":  {Weekly: &schedule.Weekly{At: "03:00"}},
		`weekly: "monday" is none`: {Weekly: &schedule.Weekly{Days: []string{"monday"}, At: "03:00"}},
		`weekly: at is ""`:         {Weekly: &schedule.Weekly{Days: []string{"mon"}}},
		"monthly: day is 0":        {Monthly: &schedule.Monthly{At: "03:00"}},
		"monthly: day is 32":       {Monthly: &schedule.Monthly{Day: 32, At: "03:00"}},
		`monthly: at is "noon"`:    {Monthly: &schedule.Monthly{Day: 1, At: "noon"}},
	} {
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v, want %q", bad, err, want)
		}
	}
}

func TestString(t *testing.T) {
	for want, s := range map[string]schedule.Schedule{
		"when asked":         {},
		"immediately":        {Immediate: true},
		"every 30m":          {Every: 30 * time.Minute},
		"every 2h":           {Every: 2 * time.Hour},
		"every 1h30m":        {Every: 90 * time.Minute},
		"every 20m":          {Every: 20 * time.Minute},
		"every 10h":          {Every: 10 * time.Hour},
		"daily at 03:00 UTC": {Daily: "03:00"},
		"weekly on mon, thu at 02:30 Europe/Berlin": {Weekly: &schedule.Weekly{Days: []string{"mon", "thu"}, At: "02:30"}, Zone: "Europe/Berlin"},
		"monthly on day 31 at 04:00 UTC":            {Monthly: &schedule.Monthly{Day: 31, At: "04:00"}},
		"once at 2026-12-01T02:00:00Z":              {Once: at(t, "2026-12-01T03:00:00+01:00")},
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}

func ExampleSchedule_Next() {
	nightly := schedule.Schedule{Daily: "02:30", Zone: "Europe/Berlin"}
	slot, _ := nightly.Next(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	fmt.Println(nightly, "-", slot)
	// Output: daily at 02:30 Europe/Berlin - 2026-03-29 01:00:00 +0000 UTC
}
