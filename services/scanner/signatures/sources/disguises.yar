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
