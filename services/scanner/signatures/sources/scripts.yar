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
