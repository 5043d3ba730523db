package scan

import "sync"

// The cues. Each stands for one thing the words before a value can say of it.
const (
	cuePersonnummer cue = 1 << iota
	cueNorwegian
	cueDanish
	cueFinnish
	cueNationalID // passports, licences, other countries' numbers
	cueTaxID
	cuePhone
	cuePhoneWeak // "nr", "nummer": a phone unless another cue is nearer
	cueOrg
	cueBankgiro
	cuePlusgiro
	cueGiro // a payment is spoken of, without saying how
	cueAccount
	cueCard
	cueIMEI
	cueMAC
	cueIP
	cueBirth
	cueCustomer
	cueFlat
	cueSecret
	cueUser
	cueVehicle
	cueProperty
	cueInvoice  // invoice, OCR, KID
	cueTracking // parcel numbers
	cueArticle  // article, serial, frame and voucher numbers, ISBN
	cueVersion  // versions of programs
	cueMoney
	cueLaw // statutes, chapters, verses, scores
	cuePerson
	cueService // an organisation's own service line
	cueBorn    // "f.": a date of birth right after it
	cueNet     // where somebody connects from or to: an address rather than a version

	lastCue = iota // how many there are
)

// lexicon lists the words of each cue, folded: no diacritics, no digits, lower
// case. "_" is the end of a word, and a space in a phrase; a word without it at
// an end matches inside longer words too ("lanekortsnummer").
var lexicon = map[cue]string{
	cuePersonnummer: `personnummer, personnr, personummer, person_nr, _persnr, _pnr, _pers_nr, samordningsn, samordnings_n,
		_samnr, personal_identity_n, personal_number, personal_id, swedish_id, personnumr, personbevis, _nummer_kontrollnr,
		henkkari, svensk_personnummer`,
	cueNorwegian: `fodselsn, _fnr, _d_nummer, _dnummer, _d_nr, norwegian_id, norskt_id, norsk_id, norskt_person, personnr, personnummer, fodslnr`,
	cueDanish:    `_cpr, danish_id, danskt_id, danskt_person`,
	cueFinnish:   `_hetu, henkilotunnu, henkilotunnus, personbeteckning, finnish_id, finnish_code, finskt_id, finsk_id, _sotu_`,
	cueNationalID: `_pass_, _passet_, _passets_, passnr, passnummer, passport, _passi, _passin, _pas_, _pasnr, _pasnummer, passikopi, passkopi,
		ausweis, reisepass, _id_kort, _idkort, _id_card, identity_card, identity_document, aufenthaltstitel, uppehallstillstand, residence_permit, brp_,
		oleskelulupa, opholdskort, opholdstilladelse, oppholdstillatelse, oppholdskort, driving_licen, driver_s_licen, drivers_licen, korkort,
		fuhrerschein, ajokort, kjorekort, forerkort, _licence_, _nhs, national_insurance, _ni_number, _ni_no, _nino_, ppsn, _pps_,
		_ssn_, social_security, my_social, _ahv, rentenversicherung, versicherungsnummer, sozialversicherung, versichertennummer, sv_nummer, _svnr_,
		lma_kort, _lma_, national_id, _id_number, _id_nummer, _pesel, _bsn_, _kennitala, personalausweis`,
	cueTaxID: `steuer_id, steueridentifikation, steuerid, steuerliche_identifikation, _idnr_, _tin_, steuernummer`,
	cuePhone: `telefon, _tel_, phone, mobil, _mob_, _tfn, _tlf, _tel, _puh_, _puhelin, _p_, puhelinnumero, _ring_, _ringa_, _ringer_, _ringde_, _ringes, _ringt_, ringde_fran, uppringd,
		nas_pa, nas_bast, nas_via, _nar_mig, _nar_du, _nar_ni, _nar_henne, _nar_honom, _nas_, _treffes, _traffas_pa, _traeffes, _traffes, traeffes, _sms, _smsa, swish, _call_, _calls_, called, calling,
		kontakta, _handy, ruckruf, _rufen, anrufen, erreich, telefonisch, _soita, soittaa, soitto, takaisinsoitto, soitetaan, tekstari, tekstiviesti, reach_me, text_me, by_text, _text_, _texted_,
		_fax_, vipps, mobilepay, _direkt_, _dir_, _vx_, vaxel, hemnr, hemnummer, _gsm_, whatsapp, viber, signal, ring_upp, _luren, _lur_, tavoit, jourtelefon, anhorig_vid, _ankn, _kontakt_, numeroon, numerosta, journummer,
		nummervisning, mobilnr, telnr, fastnatet, landline, rufnummer, durchwahl, _mobilen, hotline, kundeservice, nummeret_mitt`,
	cuePhoneWeak: `_nr_, _nummer_, _numret_, _nummeret_, _number_, _numero_, _numera_, numero_on, nummeret_er, _num_, _numbers_, _no_`,
	cueOrg:       `_org_, orgnr, organisationsn, org_nr, _orgn, organisasjonsn, org_no, company_reg, company_number, _vat_, momsreg, vat_no, foretagsn, y_tunnus, cvr, firma, _ab_, _hb_, _kb_, forening, _brf_, _as_, stiftelse`,
	cueBankgiro:  `bankgiro, _bg_, _bgnr, bankgirot, bg_nr, _bg`,
	cuePlusgiro:  `plusgiro, postgiro, _pg_, pgnr, _pg`,
	cueGiro:      `_giro, inbetalning, betalning_till, betala_till, _betala_, betalas, betalningar, _betalt_till, inbetald, insatt_, _satt_in, autogiro, utbetalning, betalat_till, overfor`,
	cueAccount: `_konto, _kontot, kontonr, kontonummer, bankkonto, lonekonto, sparkonto, privatkonto, clearing, _clnr, _cl_, account, _acct, _acc_, tilille, tilinumero, _tili_, tilin_, tililta, tilisi, reg_nr, _reg_, regnr, swedbank, handelsbanken, nordea, _seb_, sparbanken,
		lansforsakringar_bank, danske_bank, _sbab, _skandia, icabanken, utbetal, utbetaling, tilbakebetaling, kontoen, kontoverbindung, kontonummeret, sort_code, bankverbindung, bankuppgifter, avanza, _ica_bank, handelsbank, settes_pa, _iban, insattning`,
	cueCard: `_kort_, kortet_, kortnr, kortnummer, kontokort, kreditkort, betalkort, bankkort, bankomatkort, firmakort, debetkort, debitkort, _card_, card_number, visa_, _visa, mastercard, master_card, amex, american_express, maestro, diners, _kortti, kortin_, luottokort, kreditkarte, _karte, dankort, kortnumret, credit, debit, _kortet`,
	cueIMEI: `_imei`,
	cueMAC:  `_mac_, mac_adress, mac_addr, natverkskort, hardware_address, verkkokortti, _macen_, klient_mac, wifi_mac, fysisk_adress, _mac`,
	cueIP:   `_ip_, ip_adress, ip_addr, ipadress, _ipv, ip_nr, _ips_, ip_nummer, _ip`,
	cueNet: `_fran_, _from_, _fra_, _von_, _unter_, mista, inlogg, logga_in, loggad, loggat, logget, logged, _login, _logins, _log_in, anslut, connect, tilslut, tilkobl, uppkoppl, verbunden, angemeldet, kirjaut, adress, address, osoite, osoitt, _vpn, _lan_, _wan_, _wlan,
		_gw_, gateway, router, ruter, _reititin, _dns, server, palvelin, _host, _ping, traceroute, _lease, _dhcp, subnet, brandvagg, firewall, _natverk, _network, remote_addr, forwarded_for, _src_, _dst_, _real_ip, _peer_`,
	cueBorn: `_f_`,
	cueBirth: `_fyller_, fodelsenummer_dato, _fodd_, _fodd, fodelsedat, fodelsedag, fodelsetid, _fod_, fodt, fodselsdat, fodselsdag, _dob_, date_of_birth, birth_date, birthdate, birthday, _born_, born_on, _geb_, geboren, geburtsdatum, geburtstag,
		synt_aika, syntymaaika, syntymaaja, syntynyt, syntymapaiva, _synt_, _s_aika, fodda, fyller_ar, _d_o_b_, fodelsedata, fodelsear, birth`,
	cueCustomer: `_bokn_, p_anmarkning, elmatare, gasmatare, vattenmatare, varmematare, _matare_, eurobonus, _sj_prio, orderbekraft, bekraftelsenr, bestallningen_, forsakringsbrev, klubbmedlem, lantagarn, _confirmation_, confirmation_n, asiakastunnus_, varaustunnus_, bokningsbekraft, tilaustunnus_, sopimustunnus_, ordrebekreft, ordrebekraeft, auftragsbest, buchungsbest, bokn_nr, lantagare, koplats, _ko_id, _medlem_, arbetsorder, pir_n, pir_nummer, fardtjanstn, _job_, job_no, elector, complaint, gebyrsak, byggesak, _saka_, maleren_, installationsn, fejlmelding, handicapkort, _journal_, kayttopaikan, asiakasn, ilmoitus, varaustunn, lahjoittajan, diaarin, kumminumero, patennummer, kundenn, kundenkonto, krankenkasse, auftrag, halbtax, lebensvers, _whg_, polizze, bestellnr, spielerpass, licensn, _licens_, forsakring_, sjukforsakring, komplettering, booking_code, bokningskod, buchungscode, bestallningskod, _sagsnr, utbetalning_, _uppge_, arende, arendenr, arendenummer, _dnr_, diarien, diarienr, kundnr, kundnummer, kundenr, kundenummer, _kundn, kund_nr, kund_id, kundid, kunde_nr, customer_n, customer_id, customer_number, customer_ref, _cust_, _kundnumret, kundens_nummer,
		ordernr, ordernummer, _order_, _ordern_, _ordrenr, ordrenummer, _ordre_, ordrenummeret, order_no, order_n, order_id, orderid, _orders_, bestallning, bestilling, bestellung, bestellnummer, bestallningsn, tilaus, tilausn,
		bokning, bokningsn, boknr, booking, bestallningsnummer, boking, bokningskod, buchung, varaus, _pnr_kod, reservation, reservasjon, _boka, resenummer,
		polisanmal, anmalan, anmalningsn, polisens_dnr, police_ref, police_report, crime_ref, crime_n, rikosilmoitu, politianmeld, anmeldels, journalnr, incident, k_nr_, diarie,
		forsakringsn, forsakringsnr, forsakring_nr, polisnr, _policy, policynr, polisn, police_, policenr, policenummer, _polise_, vakuutus, vakuutusn, versicherungsschein, versicherungsnr, police_nr, _police_, skadenr, skadenummer, skadearende, _skada_, schaden, schadennummer, vahinko, vahinkon, _claim, claim_n, claim_ref, _skade_, skadesak, forsikring, forsikringsn, _avtale, avtalenr, avtalenummer,
		medlemsn, medlemsnr, medlem_nr, _medl_nr, _medlnr, medlnr, medlemsnummer, _mnr_, member_id, member_n, membership, jasennumero, jasenn, mitgliedsn, mitglieds_n, _medlemsid, medlems_id,
		matarnr, matarnummer, _matare_, _mataren_, malernr, _maler_, malernummer, malerens, _meter_, meter_n, meter_point, zahler, zahlernummer, zahlernr, mittari, mittarin, anlaggnings, anlaggnings_id, anl_id, _anl_, _anlid, aftagen, aftagenr, malepunkt, malepunkts, metering_point, _mprn, _mpan, kayttopaikka, _anlage, _gsrn, marktlokation,
		avtalsn, avtalsnr, avtal_nr, _avtal_, kontrakt, kontraktsn, _contract, vertrags, vertragsn, vertrag_, sopimus, sopimusn, aftalenr, aftalen, abonnemang, abonnemangs, abonnement, abonnementsn,
		referensn, referensnr, _referens_, _ref_, ref_nr, _refnr, reference, referansen, referanse, _var_ref, _er_ref, _deres_ref, reference_n, _viite_, _viit_, asiointin, asian, asianumero, aktenzeichen, _az_, _zeichen, vorgangsn, vorgang, fallnummer, _fall_, _ticket, ticketn, biljett_nr, biljettn, _biljett_, billett, _case_, case_n, _caseid, sagsnr, sagsnummer, _sag_, _sagen_, saksnr, saksnummer, _sak_, _saken_, _sagsn, _sakn, tapaus, tiketti, palvelupyynto,
		lanekort, lanekortsn, bibliotekskort, kirjastokortti, laanerkort, laanekort, library_card, resekort, reskort, travel_card, travelcard, matkakort, matkakortti, periodekort, pendlerkort, rejsekort, reisekort, busskort, sl_kort, access_kort, busskortsn, klippkort, kundkort, bonuskort,
		patientn, patient_id, _pat_id, patient_, patienten_nr, patienr, pasientn, patientennummer, patientnr, journaln, elevnr, student_id, studentid, anstallningsn, anstnr, anst_nr, employee_n, employee_id, personalnummer, matrikel, fault_n, fault_ref, _fault_, felanmalan, _fa_nr,
		_lan_, lanet_, lanenr, lanenummer, laanenr, _loan_, loan_n, darlehen, laina, lainan, utbetalning_ref, utredning, beslut_nr, beslutsn, beslut_, _beslutet_, ansokan, ansokningsn, ansokn, soknad, soknaden, soknadsn, hakemus, hakemusn, antrag, antragsn, application_n, application_ref, application_id,
		spender, donation, gavonr, givarn, kontrollavgift, tillaggsavgift, bot_nr, parkeringsan, bussgeld, citation, penalty, notice, notice_n, pcn_, kontrolafgift, _resa_, akten, _akt_, anlaggning, _kolli_id, kundreferens, objektsn, objektnr, objekt_nr, objekt_, hyresobjekt, ledsagerbevis, _bevis_, betyg, kundesag, id_nr, _kund_id, konto_id, account_n, account_id, acc_no, acc_, booking_ref, kvittnummer, nummer_i_kon, kolada`,
	cueFlat:     `_lgh, lagenhet, lgh_nr, lgh_n, _lagenhetsn, leilighet, lejlighed, wohnung, asunto, huoneisto, apartment, _flat_, _apt_, leil_, bolignr, bruksenhet, _rum_nr`,
	cueSecret:   `loggar_in_med, logga_in_med, api_avain, lizenzschlussel, licensnyckel, license_key, licence_key, licenskod, zugangsdaten, produktnyckel, losenord, losenordet, losen_, _losen, password, passord, adgangskode, salasana, kennwort, passwort, passwd, _pwd, _pin_, pinkod, pin_kod, pinkoden, _pinen_, pin_n, pinkode, pin_code, _puk_, pukkod, puk_kod, portkod, portkoden, _koden_, _kod_, _koderna_, _kode_, _code_, dorrkod, larmkod, kodlas, laskod, laskoden, engangskod, engangskode, sakerhetskod, sakerhetskoden, verifieringskod, bekraftelsekod, hamtkod, abholcode, tempor, telefonkod, passcode, access_code, security_code, security_word, memorable_word, secret_word, door_code, gate_code, ovikoodi, avainkoodi, _koodi, koodin, tunnusluku, turkod, zugangscode, turcode, einmal, api_key, api_nyckel, apinyckel, api_n, _token_, secret, production_key, _key_, nokkelboks, nyckelbox, nyckelskap, portkode, dorkode, dorkoden, oppgangskode, _cvc, _cvv, kortkod, _otp_, one_time, onetime, kertakayttoinen, kertakaytto, lykill, notfallcode, paketskap, sms_kod, smskod, freischalt, _pac_, _wifi_, wifi_losen, wlan, aktiveringsk, aktiveringskod, skapkod, personlig_kod, koden_ar, access_kod, engangslosen, grindkod, bomkod, _larmet_, _safe_, safewort, haustur, startlosenord, passphrase, passfras, security_answer, gatukod, portnyckel, kodord, kodordet`,
	cueUser:     `anvandarnamn, anvandarnamnet, anvandare_, anvandaren, anvandar_id, anvandarid, username, user_name, _user_, _userid, user_id, _login_, _logins_for, inloggning_, inloggad_som, logga_in_som, loggar_in_som, logs_me_in_as, logget_inn_som, login, brukernavn, brukeren, bruker_, brugernavn, brugeren, bruger_, benutzername, benutzer, nutzername, kayttajatunnus, kayttajanimi, tunnus_, tunnuksella, tunnuksesi, nimimerkki, nimimerkilla, signaturen_, _nick_, _nickname, _handle_, screen_name, skarmnamn, _alias_, profilnamn, profil_, _insta_, instagram, tiktok, snapchat, _snap_, twitter, facebook, discord, steam, gamertag, _konto_, _kontot_, skrivet_av, inlagg_av, posted_by, postad_av, trad_startad_av, tradstartare`,
	cueVehicle:  `skiltn, _skylt, _bilens_, kjennetegn, bilnummer, rekkari, rekkar_, kilpi, _insured, _gegner, kjoretoyet, _skap_, _reg_, regnr, reg_nr, registreringsn, regnummer, regist, _bil_, bilen_, _bilar_, _fordon, fordonet, _car_, vehicle, _van_, kjoretoy, _koretoj, kfz, kennzeichen, fahrzeug, _auto_, rekisteri, rekisterin, ajoneuvo, nummerskylt, nummerplate, nummerplat, nummerplad, license_plate, number_plate, _plate_, _reg, moped, motorcykel, _mc_, slap, slapet, husvagn, husbil, skapbil, hyresbil, lastbil, firmabil, leasingbil, transporter, personbil, _volvo, _saab, _kia_, _vw_, _volkswagen, _audi, _bmw, _toyota, _skoda, _ford_, _transit, _fiat, _micra, _nissan, _peugeot, _renault, _opel, _mazda, _tesla, _seat_, _honda, _hyundai, _mercedes, _polo_, _golf, _fabia, _octavia, _passat, _citroen, _subaru, _suzuki, _mini_, _dacia, parkera, parkering, _rej_, rej_nr, elbil, taxi, _wagen, _pkw, _lkw, biluthyr, motpart, parkoi`,
	cueProperty: `fastighet, fastighetsbet, _tomt, _tomten, fritidshus, bygglov, lantmateri, gnr, bnr, matrikkel, property, _stuga, avstyckning, tomtratt, detaljplan, kiinteist, lagfart, _gard_, _garden_, kommun_, _villa_, _hus_, _sommarhus`,
	cueInvoice:  `faktura, fakturan, fakturanr, _ocr, ocr_nr, ocrnummer, invoice, _kid_, kid_nr, rechnung, rechnungsn, lasku, laskun, laskunumero, viitenumero, _avi_, avin_, inkasso, kvitto, kvittonr, receipt, kvittering, betalningsreferens, fakturanummer, _viite_, meddelande_nr, _referenssi`,
	cueTracking: `sparning, sparnings, kolli, kollinr, kolliid, forsendelse, sending, sendingsn, sendungs, sendungsn, paket, paketnr, pakke, tracking, track_and_trace, _trackingn, parcel, consignment, postnord, _dhl, _ups_, _bring_, seuranta, seurantak, lahetys, lahetysn, shipment, sandningsn, sandnings_id, forsandelse, avi_nr, fraktsedel, waybill, _awb`,
	cueArticle:  `_icd, _atc_, icd_kod, icd_koden, atc_kod, atc_koden, diagnoskod, diagnoskoden, atgardskod, kod_ur, kod_for, covid, kva_kod, landskoden, qr_kod, qr_koden, kallkod, streckkod, fargkod, klimatkod, _art_, artikel, artikelnr, art_nr, _artnr, varenr, varenummer, _ean_, _ean, _isbn, _issn, serienr, serienummer, serienumret, serial, _s_n_, _sn_, ramnr, ramnummer, chassi, _vin_, modell, model, tuotenumero, sarjanumero, reservdel, produktnr, product_n, artnr, tillverkn, lot_, _batch, gift_card, presentkort, voucher, vardekod, rabattkod, kampanjkod, promo, gavekort, gutschein, lahjakort, chip, chipn, chipnr, _felkod, error_code, fehlercode, _error, virhekoodi, felkode, fejlkode, _err_, paragraf, postnummer, landskod, zip_, riktnummer, _vecka_, _v_, bicycle, stelnummer, artikelnummer, _sku_, _rabatt`,
	cueVersion:  `updat, uppdater, oppdater, opdater, versjon, fastvare, _klient_, _client_, paivity, feilkode_, ohjelma_, _version, _firmware, _fw_, _build, programvara, mjukvara, _release, _ver_, _versio, ohjelmisto, uppdatering_till, software, _patch, _ios_, android, _windows_, _macos, _driver_, drivrutin, _app_, _kernel`,
	cueMoney:    `_kr_, _sek_, _eur_, _nok_, _dkk_, _pris, belopp, _summa, _kostar, _total, _avgift, _betalat_, saldo, skuld, _moms_, prisene, preis`,
	cueLaw:      `_sfs, _prop_, _kap_, _lag_, _lagen_, forordning, _mal_nr, celex, _eu_, direktiv, article_, artikel_, _nja, _hfd, _rh_, psalm, joh_, matt_, mos_, kapitel, _kl_, klockan, stallning, _vann, _seger, forlust, matchen, skala_, skalan, _scale`,
	cueService:  `telefonservice, kundservice, kundtjanst, servicenummer, upplysning, asiakaspalvelu, kundesenter, kundecenter, customer_service, kundenservice`,
	cuePerson:   `personnummer, kund, _namn, heter, patient, sokande, _id_, _jag_, _mitt_, _min_, _hans_, _hennes, vardnadshavare, barnets, elev, _mamma, _pappa, _fodd, anmalare, hyresgast, medlem, _son_, dotter, make_, maka_, _fru_, sambo, samordn, _for_, klient, brukare, person`,
}

// compiled is the compiled lexicon, made when the first scanner is.
var compiled = sync.OnceValue(func() *automaton { return newAutomaton(lexicon) })
