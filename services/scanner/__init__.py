"""The scanner: has engines look at all objects of a mail, applies the policy, hands on to the sender."""
