"""Packets as other programs write them, cut down by hand, and photos to go with them."""

from __future__ import annotations

from pathlib import Path

import pillow_heif
import rawpy
from PIL import Image

from faceclust.export.xmp import Previous, branches
from faceclust.records import Box, PersonRegion, PhotoInfo, TaggedPhoto

RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
MWG = (
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"'
    ' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
    ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"'
)
MP = (
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/"'
    ' xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"'
    ' xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"'
)
IPTC = 'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'

# A 4000 x 3000 landscape photo; Bob at the left, in stored pixels that are the displayed ones.
BOB = Box(0.1, 0.2, 0.2, 0.3)
ANN = Box(0.6, 0.2, 0.2, 0.3)
INFO = PhotoInfo(4000, 3000, 1, "JPEG")


def packet(body: str, namespaces: str = "") -> bytes:
    """`body` as the content of a packet's only rdf:Description."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF ' + RDF + ">"
        f'<rdf:Description rdf:about="" {namespaces}>{body}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


DIGIKAM = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF {RDF}>
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    {MP} {MWG}
   digiKam:PickLabel="3"
   xmp:Rating="4">
   <digiKam:TagsList><rdf:Seq>
     <rdf:li>Holiday</rdf:li><rdf:li>People/Bob</rdf:li>
   </rdf:Seq></digiKam:TagsList>
   <dc:subject><rdf:Bag><rdf:li>Holiday</rdf:li><rdf:li>Bob</rdf:li></rdf:Bag></dc:subject>
   <MP:RegionInfo rdf:parseType="Resource">
    <MPRI:Regions><rdf:Bag>
     <rdf:li MPReg:Rectangle="0.1, 0.2, 0.2, 0.3" MPReg:PersonDisplayName="Bob"/>
    </rdf:Bag></MPRI:Regions>
   </MP:RegionInfo>
   <mwg-rs:Regions rdf:parseType="Resource">
    <mwg-rs:AppliedToDimensions stDim:w="4000" stDim:h="3000" stDim:unit="pixel"/>
    <mwg-rs:RegionList><rdf:Bag>
     <rdf:li><rdf:Description mwg-rs:Name="Bob" mwg-rs:Type="Face">
      <mwg-rs:Area stArea:x="0.2" stArea:y="0.35" stArea:w="0.2" stArea:h="0.3"
        stArea:unit="normalized"/>
     </rdf:Description></rdf:li>
     <rdf:li><rdf:Description mwg-rs:Type="Focus">
      <mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="0.1" stArea:h="0.1"
        stArea:unit="normalized"/>
     </rdf:Description></rdf:li>
    </rdf:Bag></mwg-rs:RegionList>
   </mwg-rs:Regions>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()

LIGHTROOM = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000">
 <rdf:RDF {RDF}>
  <rdf:Description rdf:about=""
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmp:Rating="5" crs:Exposure2012="+0.35" crs:HasSettings="True">
   <crs:ToneCurvePV2012><rdf:Seq><rdf:li>0, 0</rdf:li><rdf:li>255, 255</rdf:li></rdf:Seq>
   </crs:ToneCurvePV2012>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:subject><rdf:Bag><rdf:li>bob</rdf:li><rdf:li>beach</rdf:li></rdf:Bag></dc:subject>
   <lr:hierarchicalSubject><rdf:Bag><rdf:li>places|beach</rdf:li></rdf:Bag>
   </lr:hierarchicalSubject>
  </rdf:Description>
  <rdf:Description rdf:about="" {MWG} xmlns:apple-fi="http://ns.apple.com/faceinfo/1.0/">
   <mwg-rs:Regions rdf:parseType="Resource">
    <mwg-rs:AppliedToDimensions stDim:w="4000" stDim:h="3000" stDim:unit="pixel"/>
    <mwg-rs:RegionList><rdf:Bag>
     <rdf:li rdf:parseType="Resource">
      <mwg-rs:Area stArea:h="0.31" stArea:w="0.21" stArea:x="0.21" stArea:y="0.35"
        stArea:unit="normalized"/>
      <mwg-rs:Name>Bob</mwg-rs:Name>
      <mwg-rs:Type>Face</mwg-rs:Type>
      <mwg-rs:Extensions rdf:parseType="Resource"><apple-fi:AngleInfoYaw>45</apple-fi:AngleInfoYaw>
      </mwg-rs:Extensions>
     </rdf:li>
    </rdf:Bag></mwg-rs:RegionList>
   </mwg-rs:Regions>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>""".encode()

DARKTABLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF {RDF}>
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   xmp:Rating="1" darktable:xmp_version="5" darktable:history_end="2">
   <darktable:masks_history><rdf:Seq/></darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:num="0" darktable:operation="exposure" darktable:enabled="1"
       darktable:params="00000000000080b9"/>
     <rdf:li darktable:num="1" darktable:operation="flip" darktable:enabled="1"
       darktable:params="ffffffff"/>
    </rdf:Seq>
   </darktable:history>
   <dc:subject><rdf:Seq><rdf:li>darktable</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()

# Picasa writes a face without a name; digiKam stops reading there.
PICASA = packet(
    """<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
     <rdf:li rdf:parseType="Resource"><mwg-rs:Type>Face</mwg-rs:Type>
      <mwg-rs:Area stArea:x="0.7" stArea:y="0.35" stArea:w="0.2" stArea:h="0.3"
       stArea:unit="normalized"/></rdf:li>
     <rdf:li rdf:parseType="Resource"><mwg-rs:Type>Face</mwg-rs:Type>
      <mwg-rs:Name>ffffffffffffffff</mwg-rs:Name>
      <mwg-rs:Area stArea:x="0.2" stArea:y="0.35" stArea:w="0.2" stArea:h="0.3"
       stArea:unit="normalized"/></rdf:li>
     </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>""",
    MWG,
)


def tagged(
    *people: tuple[str, Box], info: PhotoInfo = INFO, path: Path = Path("/library/a.jpg")
) -> TaggedPhoto:
    """A photo with named people in it."""
    regions = tuple(
        PersonRegion(person_id=i, face_id=i, name=name, box=box)
        for i, (name, box) in enumerate(people)
    )
    return TaggedPhoto(path, Path(path.name), info, regions)


def wrote(*names: str) -> Previous:
    """What an export of ours brought that wrote these people, and they alone."""
    return Previous(frozenset(names), frozenset(names), branches=branches(names, "People"))


def info_of(path: Path) -> PhotoInfo:
    """The facts of a real photo, read independently of the package."""
    suffix = path.suffix.lower()
    if suffix == ".heic":
        # Opened upright; the orientation of the stored pixels is kept aside.
        image = pillow_heif.open_heif(path)
        return PhotoInfo(*image.size, image.info.get("original_orientation") or 1, "HEIF")
    if suffix == ".dng":
        with rawpy.imread(str(path)) as raw:
            return PhotoInfo(raw.sizes.width, raw.sizes.height, 1, "RAW")
    with Image.open(path) as image:
        orientation = image.getexif().get(274, 1) or 1
        width, height = image.size
        size = (height, width) if orientation >= 5 else (width, height)
        return PhotoInfo(*size, orientation, image.format or "")
