package web

// AccessibilityView is the statement that lag (2018:1937) 13 § asks for.
type AccessibilityView struct {
	Contact string
}

func (c *call) accessibility() error {
	cfg, err := c.configuration()
	if err != nil {
		return err
	}
	return c.ok("accessibility", AccessibilityView{Contact: cfg.Organisation.Contact})
}
