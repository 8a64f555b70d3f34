// What proves that these databases are at work.

rule eicar_test_file
{
    meta:
        threat = "EICAR-Test-File"
        status = "infected"
    strings:
        // Escapes stand in it, so that scanners leave this file alone.
        $string = /\x585O!P%@AP\[4\\PZX54\(P\^\)7CC\)7\}\$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!\$H\+H\*[ \t\r\n\x1a]{0,60}/
    condition:
        $string at 0 and !string == filesize
}

rule test_signature_infected
{
    meta:
        threat = "Mailwarden-Test-Signature"
        status = "infected"
    strings:
        $string = "MAILWARDEN*TEST*SIGNATURE*INFECTED*5d41402abc4b2a76b9719d911017c592"
    condition:
        $string
}

rule test_signature_suspicious
{
    meta:
        threat = "Mailwarden-Test-Signature-Suspicious"
        status = "suspicious"
    strings:
        $string = "MAILWARDEN*TEST*SIGNATURE*SUSPICIOUS*7d793037a0760186574b0282f2f435e7"
    condition:
        $string
}
