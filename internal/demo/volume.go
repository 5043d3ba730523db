package demo

import (
	"time"

	"github.com/gallra/gallra/deadline"
)

// volume spreads what happens from 2015 until now: more for every year, more in
// winter than in summer.
type volume struct {
	months    []time.Time // first of each month, and the end
	cumulated []float64
	now       time.Time
}

var season = [12]float64{1.25, 1.15, 1.05, 0.95, 0.9, 0.8, 0.65, 0.9, 1.05, 1.1, 1.15, 1.05}

func newVolume(now time.Time) volume {
	v := volume{now: now}
	sum := 0.0
	for m := deadline.Day(2015, 1, 1); m.Before(now); m = m.AddDate(0, 1, 0) {
		end := m.AddDate(0, 1, 0)
		part := 1.0
		if end.After(now) {
			end = now
			part = now.Sub(m).Hours() / (24 * 30.4)
		}
		sum += part * season[m.Month()-1] * (1 + float64(m.Year()-2015)*0.12)
		v.months, v.cumulated = append(v.months, m), append(v.cumulated, sum)
		if end.Equal(now) {
			v.months = append(v.months, end)
			break
		}
	}
	if len(v.months) == len(v.cumulated) {
		v.months = append(v.months, now)
	}
	return v
}

// at returns when the share u of all that happens has happened.
func (v volume) at(u float64) time.Time {
	x := u * v.cumulated[len(v.cumulated)-1]
	before := 0.0
	for i, c := range v.cumulated {
		if x <= c {
			span := v.months[i+1].Sub(v.months[i])
			return v.months[i].Add(time.Duration((x - before) / (c - before) * float64(span)))
		}
		before = c
	}
	return v.now
}

// moment returns a time of day at which people write, near the share u.
func (v volume) moment(r random, u float64) time.Time {
	d := deadline.On(v.at(u))
	if (d.Weekday() == time.Saturday || d.Weekday() == time.Sunday) && r.chance(0.6) {
		d = d.AddDate(0, 0, -2)
	}
	hour := 7 + (r.IntN(9)+r.IntN(9))/2
	if r.chance(0.15) {
		hour = r.IntN(24)
	}
	y, m, day := d.Date()
	t := time.Date(y, m, day, hour, r.IntN(60), r.IntN(60), 0, deadline.Stockholm)
	if t.After(v.now) {
		t = v.now.Add(-time.Duration(r.between(1, 600)) * time.Minute)
	}
	return t.UTC()
}
