package web

import (
	"cmp"

	"github.com/gallra/gallra"
	"github.com/gallra/gallra/internal/auth"
	"github.com/gallra/gallra/internal/i18n"
	"github.com/gallra/gallra/internal/retention"
)

// DeliveriesView is what was handed over to an archive, and what it has said
// (REQUIREMENTS SE-11).
type DeliveriesView struct {
	Waiting, Answered []DeliveryRow
}

// DeliveryRow is one package.
type DeliveryRow struct {
	retention.Delivery
	Title   string // of the system
	Overdue bool
}

func (c *call) deliveriesView() (v DeliveriesView, err error) {
	if c.Retention == nil {
		return v, gallra.Errorf(gallra.Unavailable, "web.no_retention")
	}
	cfg, err := c.configuration()
	if err != nil {
		return v, err
	}
	list, err := c.Retention.Deliveries(c.ctx(), "")
	if err != nil {
		return v, err
	}
	for _, d := range list {
		s, _ := cfg.System(d.System)
		row := DeliveryRow{Delivery: d, Title: cmp.Or(title(s), string(d.System)), Overdue: d.Overdue(c.DB.Now())}
		if d.State == retention.DeliveryReceived || d.State == retention.DeliveryRefused {
			v.Answered = append(v.Answered, row)
		} else {
			v.Waiting = append(v.Waiting, row)
		}
	}
	return v, nil
}

func (c *call) deliveriesPage() error {
	v, err := c.deliveriesView()
	if err != nil {
		return err
	}
	return c.ok("deliveries", v)
}

// receiveDelivery registers what an archive has said of a package. An acceptance
// sets the erasure going, so the beginning of the checksum is typed off the
// archive's receipt.
func (c *call) receiveDelivery() error {
	v, err := c.deliveriesView()
	if err != nil {
		return err
	}
	id := c.r.PathValue("delivery")
	s := retention.Receipt{Actor: c.account.Username, SHA256: c.field("sum"), Accepted: c.field("answer") == "accepted", Reference: c.field("reference"), Note: c.field("note")}
	if err := c.Retention.Receive(c.ctx(), id, s); err != nil {
		return c.refuse("deliveries", v, err)
	}
	if err := c.wake(id); err != nil {
		return err
	}
	return c.done("/retention/deliveries", "delivery_answered")
}

// wake lets the workers follow up the run of a package at once.
func (c *call) wake(delivery string) error {
	if c.Queue == nil {
		return nil
	}
	d, err := c.Retention.DeliveryOf(c.ctx(), delivery)
	if err != nil {
		return err
	}
	follow, err := c.Retention.FollowUp(c.ctx(), d.Run)
	if err != nil || follow == "" {
		return err
	}
	return c.Queue(c.ctx(), follow)
}

// deliveryTodos asks for the receipts that are late or were not believed.
func (c *call) deliveryTodos() ([]Todo, error) {
	if c.Retention == nil {
		return nil, nil
	}
	v, err := c.deliveriesView()
	if err != nil {
		return nil, err
	}
	var out []Todo
	for _, d := range v.Waiting {
		todo := Todo{Risk: 1, What: i18n.Msg("todo.delivery", "system", d.Title), Role: auth.Agent, By: d.Due.AddDate(0, 0, -1), To: "/retention/deliveries", Law: "a5e", Fine: "5"}
		if d.Overdue || d.Problem != "" {
			todo.Risk = 2
		}
		out = append(out, todo)
	}
	return out, nil
}
