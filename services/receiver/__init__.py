"""The receiver: takes mail by SMTP, splits it by group and hands it to the antispam stage."""
