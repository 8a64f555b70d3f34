// Objects whose name is meant to mislead who opens them.

rule program_behind_a_second_extension
{
    meta:
        threat = "Disguise.DoubleExtension"
        status = "suspicious"
    condition:
        object_name matches /\.(pdf|rtf|txt|csv|html?|docx?|xlsx?|pptx?|odt|ods|jpe?g|png|gif|bmp|tiff?|mp3|mp4|avi|zip|rar|7z)[ _.-]*\.(exe|scr|com|pif|bat|cmd|vbs|vbe|js|jse|wsf|wsh|hta|lnk|cpl|msi|ps1|jar)$/i
}

rule program_with_a_name_written_backwards
{
    meta:
        threat = "Disguise.RightToLeftOverride"
        status = "suspicious"
    condition:
        object_name contains "\xe2\x80\xae" and
        object_name matches /\.(exe|scr|com|pif|bat|cmd|vbs|vbe|js|jse|wsf|wsh|hta|lnk|cpl|msi|ps1|jar)$/i
}

rule program_with_the_name_of_a_document
{
    meta:
        threat = "Disguise.ProgramAsDocument"
        status = "suspicious"
    condition:
        uint16be(0) == 0x4D5A and uint32be(uint32(0x3C)) == 0x50450000 and
        object_name matches /\.(pdf|rtf|txt|csv|html?|docx?|xlsx?|pptx?|odt|ods|jpe?g|png|gif|bmp|tiff?|mp3|mp4|avi)$/i
}

rule autorun_file
{
    meta:
        threat = "Disguise.Autorun"
        status = "suspicious"
    strings:
        $section = /\[autorun(\.[a-z0-9]+)?\]/ nocase
        $start = /\n[ \t]*(open|shellexecute|shell\\[a-z0-9]+\\command)[ \t]*=/ nocase
    condition:
        object_name iendswith "autorun.inf" and filesize < 64KB and all of them
}

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

// Scripts that bring a program and start it.

rule script_that_fetches_and_starts
{
    meta:
        threat = "Script.FetchAndRun"
        status = "suspicious"
    strings:
        $shell = "WScript.Shell" nocase ascii wide
        $fetch = /(MSXML2\.(Server)?XMLHTTP|Microsoft\.XMLHTTP|WinHttp\.WinHttpRequest)/ nocase ascii wide
        $stream = "ADODB.Stream" nocase ascii wide
        $save = "SaveToFile" nocase ascii wide
    condition:
        filesize < 2MB and all of them
}

rule hidden_powershell
{
    meta:
        threat = "Script.HiddenPowerShell"
        status = "suspicious"
    strings:
        $powershell = /powershell(\.exe)?["' ]/ nocase ascii wide
        $hidden = /[ \t][\/-]w(in(dowstyle)?)?[ \t]+(hidden|1)\b/ nocase ascii wide
        $encoded = /[ \t][\/-]e(nc(odedcommand)?)?[ \t]+["']?[A-Za-z0-9+\/]{32}/ nocase ascii wide
        $fetch = /(DownloadString|DownloadFile|DownloadData|Start-BitsTransfer)/ nocase ascii wide
        $decode = "FromBase64String" nocase ascii wide
    condition:
        filesize < 2MB and $powershell and $hidden and any of ($encoded, $fetch, $decode)
}

rule shortcut_that_starts_a_script
{
    meta:
        threat = "Shortcut.StartsScript"
        status = "suspicious"
    strings:
        $host = /(powershell|mshta|wscript|cscript|regsvr32|rundll32|certutil|bitsadmin|cmd\.exe)/ nocase ascii wide
    condition:
        // Shell link header (MS-SHLLINK 2.1): its size, then the class of links.
        uint32(0) == 0x4C and uint32(4) == 0x00021401 and filesize < 1MB and $host
}

rule page_that_unpacks_a_file
{
    meta:
        threat = "Page.Smuggling"
        status = "suspicious"
    strings:
        $decode = "atob(" nocase
        $blob = /new[ \t]+Blob[ \t]*\(/ nocase
        $link = /(createObjectURL|msSaveOrOpenBlob|msSaveBlob)[ \t]*\(/ nocase
        $name = /(\.download[ \t]*=|msSaveOrOpenBlob|msSaveBlob|["']download["'])/ nocase
        $start = /(\.click[ \t]*\(|dispatchEvent[ \t]*\(|msSaveOrOpenBlob|msSaveBlob)/ nocase
    condition:
        all of them
}

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
