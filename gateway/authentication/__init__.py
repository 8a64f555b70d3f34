"""Who sent a message: SPF, DKIM, DMARC and ARC, evaluated and, for ARC, sealed."""
