// Documents that do more than being read.

rule rtf_with_an_equation
{
    meta:
        threat = "Document.RtfEquation"
        status = "suspicious"
    strings:
        $object = "\\objdata" nocase
        $equation = /(Equation\.[23]|45[ \r\n]*71[ \r\n]*75[ \r\n]*61[ \r\n]*74[ \r\n]*69[ \r\n]*6f[ \r\n]*6e[ \r\n]*2e[ \r\n]*3[23])/ nocase
    condition:
        uint32be(0) == 0x7B5C7274 and all of them
}

rule pdf_that_starts_a_program
{
    meta:
        threat = "Document.PdfLaunch"
        status = "suspicious"
    strings:
        $launch = /\/S[ \r\n]*\/Launch\b/
        $program = /(cmd\.exe|powershell|mshta|wscript|cscript)/ nocase
    condition:
        uint32be(0) == 0x25504446 and all of them
}

rule document_with_a_template_from_a_bare_address
{
    meta:
        threat = "Document.RemoteTemplate"
        status = "suspicious"
    strings:
        $template = /\/(attachedTemplate|oleObject|frame)"[^>]{0,200}Target="https?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/ nocase
        $reversed = /Target="https?:\/\/[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[^>]{0,300}\/(attachedTemplate|oleObject|frame)"/ nocase
    condition:
        filesize < 1MB and any of them
}
